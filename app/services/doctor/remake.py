"""Makes lost pictures again, out of the video."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import func, select

from app.domain import BoundingBox, Frame, MediaKind, Sampling
from app.errors import AppError
from app.media.frames import FrameSampler
from app.media.images import encode_jpeg
from app.media.sampling import chunk_end
from app.models import Face, Video
from app.services.context import Context
from app.services.process_video.crops import CROP_SIDE, THUMBNAIL_SIDE, crop_window
from app.services.video_files import local_file

logger = logging.getLogger(__name__)

SAME_MOMENT_SECONDS = 0.002


def make_crops(context: Context, video: Video, faces: Sequence[Face]) -> int:
    """Cuts crops out of the video once more, from the very frames in which the faces were found.

    Args:
        context: The context.
        video: The video; its file is there.
        faces: Faces of it, by sample.

    Returns:
        How many were made.
    """
    if video.media_kind is not MediaKind.VIDEO or video.interval is None:
        return 0
    wanted = {sample: list(group) for sample, group in groupby(faces, key=lambda face: face.sample)}
    made = 0
    try:
        with (
            local_file(context, video) as path,
            FrameSampler(
                path, video.interval, start_sample=min(wanted), sampling=video.sampling or Sampling.INTERVAL
            ) as frames,
        ):
            for frame in frames:
                made += sum(_make_crop(context, frame, face) for face in wanted.pop(frame.sample, ()))
                if not wanted:
                    break
    except AppError as error:
        logger.warning("crops not made again", extra={"video_id": video.id, "reason": error.message})
    return made


def _make_crop(context: Context, frame: Frame, face: Face) -> bool:
    if abs(frame.timestamp - face.timestamp) > SAME_MOMENT_SECONDS:
        return False  # the file, or the way in which it was sampled, is another one
    height, width = frame.image.shape[:2]
    left, top, right, bottom = crop_window(BoundingBox(face.x1, face.y1, face.x2, face.y2), width, height)
    crop = encode_jpeg(frame.image[top:bottom, left:right], max_side=CROP_SIDE)
    context.blobs.write(face.crop_key, crop, durable=False)
    return True


def make_thumbnail(context: Context, video: Video, key: str) -> bool:
    """Writes a frame of the video's beginning that shows most faces, as it was when the video was looked at.

    Returns:
        False when the video cannot be read.
    """
    if video.media_kind is not MediaKind.VIDEO:
        return False
    sampling = video.sampling or Sampling.INTERVAL
    first = chunk_end(0, sampling)  # of the first chunk
    with context.database.session() as session:
        counting = select(Face.sample, func.count(Face.id)).where(Face.video_id == video.id).group_by(Face.sample)
        rows = session.execute(counting.where(Face.sample.between(0, first - 1))).all()
    counts: dict[int, int] = {row[0]: row[1] for row in rows}
    try:
        interval = video.interval or context.settings.frame_extraction_interval
        with (
            local_file(context, video) as path,
            FrameSampler(path, interval, end_sample=first, sampling=sampling) as sampler,
        ):
            frames = [frame for frame in sampler if not frame.spare or frame.sample in counts]
    except AppError as error:
        logger.warning("thumbnail not made again", extra={"video_id": video.id, "reason": error.message})
        return False
    if not frames:
        return False
    best = max(frames, key=lambda frame: counts.get(frame.sample, 0)) if counts else frames[len(frames) // 2]
    context.blobs.write(key, encode_jpeg(best.image, quality=85, max_side=THUMBNAIL_SIDE))
    return True
