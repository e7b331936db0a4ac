"""Shows stored faces again: from their crops, or from the frames of their videos.

Crops are the rule, since reading one takes a millisecond and decoding a video minutes. What they lose was measured on
141 faces of clips, stills and groups, as cosine distance between the embeddings of crop and frame: 0.0005 in the middle
and 0.0024 at the 95th percentile for dlib's net (one person ends at 0.088), 0.003 and 0.02 for MobileFaceNet (0.6).
That is the JPEG compression. Crops that were shrunk lose no more (0.0005 and 0.0011) as long as they still have about
the detail that the embedder takes in. With 1.2 pixels of the chip for one of the crop the middle is at 0.0007, with 1.5
at 0.0017, with 2.1 at 0.005.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from app.domain import BoundingBox, Detection, Image, MediaKind, Sampling
from app.errors import AppError, MediaError, TooLargeError
from app.media.frames import FrameSampler
from app.media.sampling import fine_steps
from app.models import Face, Video
from app.pixels import decode_image
from app.services.context import Context
from app.services.process_pictures import open_pictures, read_picture
from app.services.process_video import CROP_SIDE, crop_window
from app.services.video_files import local_file
from app.storage import pictures as picture_rows
from app.storage import vectors

logger = logging.getLogger(__name__)

SAME_MOMENT_SECONDS = 0.001


@dataclass(frozen=True)
class Sighting:
    """A stored face as it can be seen again.

    Attributes:
        face: Its row.
        image: ``uint8`` RGB: the crop or the whole frame.
        detection: The face, in pixels of ``image``.
        shrunk: Whether the frame has more detail than ``image``.
    """

    face: Face
    image: Image
    detection: Detection
    shrunk: bool = False


def stored_detection(face: Face) -> Detection:
    """A face as its detector found it, in pixels of the frame."""
    return Detection(
        BoundingBox(face.x1, face.y1, face.x2, face.y2), vectors.decode_landmarks(face.landmarks), face.confidence
    )


def from_crop(context: Context, video: Video, face: Face) -> Sighting | None:
    """The crop of a face, with box and landmarks mapped into it.

    Returns:
        ``None`` where the crop is missing, unreadable, or not of the size that this face's crop must have.
    """
    if video.width is None or video.height is None:
        return None
    try:
        image = decode_image(context.blobs.read(face.crop_key))
    except AppError:
        return None
    detection = stored_detection(face)
    window = crop_window(detection.box, video.width, video.height)
    width, height = window[2] - window[0], window[3] - window[1]
    scale = min(1.0, CROP_SIDE / max(width, height))
    if image.shape[:2] != (max(1, round(height * scale)), max(1, round(width * scale))):
        return None
    return Sighting(face, image, into_crop(detection, window, image), shrunk=scale < 1.0)


def into_crop(detection: Detection, window: tuple[int, int, int, int], crop: Image) -> Detection:
    """Maps a face from its frame into its crop.

    Args:
        detection: The face, in pixels of the frame.
        window: Left, top, right and bottom edge of the crop in the frame.
        crop: The crop, perhaps shrunk.
    """
    left, top, right, bottom = window
    factors = np.array([crop.shape[1] / (right - left), crop.shape[0] / (bottom - top)], np.float64)
    corner = np.array([left, top], np.float64)
    box = detection.box
    x1, y1 = (np.array([box.x1, box.y1]) - corner) * factors
    x2, y2 = (np.array([box.x2, box.y2]) - corner) * factors
    # between pixel centres: the crop's edge is half a pixel before its first centre
    points = (detection.landmarks + 0.5 - corner) * factors - 0.5
    return Detection(
        BoundingBox(float(x1), float(y1), float(x2), float(y2)), points.astype(np.float32), detection.confidence
    )


def has_file(context: Context, video: Video) -> bool:
    """Whether the video itself is in the library."""
    if video.blob_key is not None:
        return context.blobs.exists(video.blob_key)
    return video.local_path is not None and Path(video.local_path).exists()


def from_frames(context: Context, video: Video, interval: float, faces: Sequence[Face]) -> Iterator[list[Sighting]]:
    """Decodes a video once more and gives the faces of each frame that is needed.

    Args:
        context: The context.
        video: The video; its file is there.
        interval: Seconds between the samples of the run that found the faces.
        faces: Faces of it, by sample.

    Yields:
        The faces of one frame. Faces whose frame does not come, or comes at another time than it did, are left out.
    """
    # what a run found that has not ended is not of these samples
    shown = (face for face in faces if face.sample >= 0)
    wanted = {sample: list(group) for sample, group in groupby(shown, key=lambda face: face.sample)}
    if not wanted:
        return
    if video.media_kind == MediaKind.PICTURES:
        yield from _from_pictures(context, video, wanted)
        return
    step = interval / fine_steps(video.sampling or Sampling.INTERVAL)
    try:
        with local_file(context, video) as path, FrameSampler(path, step, start_sample=min(wanted)) as sampler:
            for frame in sampler:
                found = wanted.pop(frame.sample, [])
                same = [face for face in found if abs(face.timestamp - frame.timestamp) < SAME_MOMENT_SECONDS]
                if same:
                    yield [Sighting(face, frame.image, stored_detection(face)) for face in same]
                if not wanted:
                    return
    except AppError as error:
        logger.warning("video not readable any more", extra={"video_id": video.id, "reason": error.message})


def _from_pictures(context: Context, video: Video, wanted: dict[int, list[Face]]) -> Iterator[list[Sighting]]:
    """The faces of one picture of a set after the other; pictures that cannot be read any more are left out."""
    try:
        with open_pictures(context, video) as source:
            for number, faces in wanted.items():
                with context.database.session() as session:
                    picture = picture_rows.get(session, video.id, number)
                try:
                    image = read_picture(context, video, source, picture) if picture is not None else None
                except (MediaError, TooLargeError):
                    continue
                if picture is not None and image is not None and image.shape[:2] == (picture.height, picture.width):
                    yield [Sighting(face, image, stored_detection(face)) for face in faces]
    except AppError as error:
        logger.warning("pictures not readable any more", extra={"video_id": video.id, "reason": error.message})
