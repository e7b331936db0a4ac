"""Looks at one video: samples frames, finds faces, follows them as tracks.

Work is committed chunk by chunk, the checkpoint in the same transaction as the faces. An attempt that is killed loses
at most the chunk in its hands, and the next one goes on at the checkpoint: chunks are cut by sample number, so it cuts
them at the same places and stores the very same faces.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby

import numpy as np
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.domain import BoundingBox, Frame, Image, Quality, QualityReason, VideoInfo
from app.domain import Face as FoundFace
from app.errors import MediaError, NotFoundError, PackMismatchError
from app.media.frames import FrameSampler
from app.media.images import encode_jpeg
from app.media.probe import probe
from app.models import EmbeddingSpace, Face, Track, Video, utc_now
from app.services.context import Context
from app.services.inspection import probe_limits
from app.services.job_run import JobRun
from app.services.models.choose import pack_of_space
from app.services.models.fetching import fetch_missing_weights
from app.services.video_files import local_file
from app.storage import faces as face_rows
from app.storage import spaces as space_rows
from app.storage import tracks as track_rows
from app.storage import vectors
from app.storage import videos as video_rows
from app.vision import FaceEngine
from app.vision.track import Observation, Tracker, TrackResult, TrackSettings

logger = logging.getLogger(__name__)

CHUNK_SAMPLES = 8  # small enough to lose little when killed, large enough to batch
FIRST_SAMPLES = 4  # the first chunk is shorter: the networks begin earlier, and so do the faces that people see
CROP_MARGIN = 0.3  # of the box's larger side, on every side
CROP_SIDE = 256
THUMBNAIL_SIDE = 640


def process_video(context: Context, run: JobRun) -> None:
    """Processes the video of a job from its checkpoint on.

    Args:
        context: The context.
        run: The attempt that owns the job.

    Raises:
        NotFoundError: The video or its file is gone.
        MediaError: The file cannot be read.
        PackMismatchError: The settings ask for another pack than the library's.
        ModelError: The networks are missing and cannot be fetched.
        JobLostError: Another attempt took over.
        JobCancelledError: A person cancelled the job.
    """
    video = _find_video(context, run)
    fetch_missing_weights(context, run)
    interval = float(run.params["interval"])
    with local_file(context, video) as path:
        info = probe(path, probe_limits(context.settings))
        with FrameSampler(path, interval, start_sample=run.next_sample) as sampler:
            _begin(context, run, video.id, info)  # while the decoder is already at work
            run.report(step="looking", total=sampler.expected_samples)
            for chunk in _chunks(sampler):
                run.check()
                _look_at_chunk(context, run, video, chunk)
            warning = sampler.warning
    run.report(step="linking")
    link_tracks(context, run, video.id)
    _finish(context, run, video.id, interval, warning)


def _find_video(context: Context, run: JobRun) -> Video:
    with context.database.session() as session:
        video = video_rows.get(session, run.video_id) if run.video_id is not None else None
    if video is None:
        raise NotFoundError("The video was deleted before it was looked at.")
    return video


def _begin(context: Context, run: JobRun, video_id: int, info: VideoInfo) -> None:
    """Describes the video. A first attempt starts from nothing: faces of an earlier run of this video go."""
    with context.database.write() as session:
        run.fence(session)
        session.execute(update(Video).where(Video.id == video_id).values(**_described(info)))
        if run.next_sample == 0:
            video_rows.delete_findings(session, video_id)
    if run.next_sample == 0:
        context.blobs.delete_tree(f"faces/{video_id}")


def _described(info: VideoInfo) -> dict[str, object]:
    return {
        "duration": info.duration,
        "width": info.width,
        "height": info.height,
        "frame_rate": info.frame_rate,
        "codec": info.codec,
    }


def _chunks(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    for _, group in groupby(frames, key=lambda frame: _chunk_end(frame.sample)):
        yield list(group)


def _chunk_end(sample: int) -> int:
    """First sample after the chunk of a sample. It hangs on the number alone, so that every attempt cuts alike."""
    return FIRST_SAMPLES if sample < FIRST_SAMPLES else (sample // CHUNK_SAMPLES + 1) * CHUNK_SAMPLES


def _look_at_chunk(context: Context, run: JobRun, video: Video, frames: list[Frame]) -> None:
    engine = context.engine()
    try:
        _look_with(engine, context, run, video, frames)
    except PackMismatchError:
        # another process pinned a pack, or changed it, since the networks were chosen
        other = context.engine()
        if other.pack.space == engine.pack.space:
            raise
        _look_with(other, context, run, video, frames)


def _look_with(engine: FaceEngine, context: Context, run: JobRun, video: Video, frames: list[Frame]) -> None:
    found = engine.analyse([frame.image for frame in frames])
    if video.thumbnail_key is None:
        video.thumbnail_key = _write_thumbnail(context, video.id, frames, found)
    placed = [
        _Placed(video.id, frame, ordinal, face)
        for frame, faces in zip(frames, found, strict=True)
        for ordinal, face in enumerate(faces)
    ]
    for one in placed:
        # Not forced to the disk one by one: after a power cut the checkpoint may be ahead of a picture, never of a row
        crop = encode_jpeg(crop_face(one.frame.image, one.face), max_side=CROP_SIDE)
        context.blobs.write(one.crop_key, crop, durable=False)
    with context.database.write() as session:
        next_sample = _chunk_end(frames[-1].sample)
        run.checkpoint(session, next_sample=next_sample, done=frames[-1].sample + 1, new_faces=len(placed))
        if placed:
            space = space_rows.get_or_create(session, engine.pack.space, engine.pack.name, engine.pack.dimension)
            face_rows.add_many(session, [one.row(space.id) for one in placed])
        session.execute(update(Video).where(Video.id == video.id).values(thumbnail_key=video.thumbnail_key))
    logger.debug("chunk stored", extra={"job_id": run.job_id, "video_id": video.id, "faces": len(placed)})


@dataclass(frozen=True)
class _Placed:
    """A face and where it was found."""

    video_id: int
    frame: Frame
    ordinal: int
    face: FoundFace

    @property
    def crop_key(self) -> str:
        return f"faces/{self.video_id}/{self.frame.sample:08d}_{self.ordinal}.jpg"

    def row(self, space_id: int) -> Face:
        face, box = self.face, self.face.detection.box
        return Face(
            video_id=self.video_id,
            space_id=space_id,
            sample=self.frame.sample,
            ordinal=self.ordinal,
            timestamp=self.frame.timestamp,
            x1=box.x1,
            y1=box.y1,
            x2=box.x2,
            y2=box.y2,
            landmarks=vectors.encode(face.detection.landmarks.ravel()),
            confidence=face.detection.confidence,
            quality=face.quality.score,
            quality_reasons=[reason.value for reason in face.quality.reasons],
            embedding=vectors.encode(face.embedding),
            crop_key=self.crop_key,
            attributes=_known(face),
        )


def _known(face: FoundFace) -> dict[str, object] | None:
    if face.attributes is None:
        return None
    return {name: value for name, value in asdict(face.attributes).items() if value is not None}


def crop_face(image: Image, face: FoundFace) -> Image:
    """The face with some of its surroundings, square where the picture allows it.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
        face: A face of that picture.

    Returns:
        A view of the picture, at least 1x1.
    """
    left, top, right, bottom = crop_window(face.detection.box, image.shape[1], image.shape[0])
    return image[top:bottom, left:right]


def crop_window(box: BoundingBox, width: int, height: int) -> tuple[int, int, int, int]:
    """Which part of a picture the crop of a face shows.

    Args:
        box: The face, in pixels of the picture.
        width: Of the picture.
        height: Of the picture.

    Returns:
        Left, top, right and bottom edge in pixels, right and bottom excluded; at least one pixel.
    """
    half = max(box.width, box.height) * (0.5 + CROP_MARGIN)
    centre_x, centre_y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    left, right = (int(np.clip(centre_x + side * half, 0, width)) for side in (-1, 1))
    top, bottom = (int(np.clip(centre_y + side * half, 0, height)) for side in (-1, 1))
    left, top = min(left, width - 1), min(top, height - 1)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _write_thumbnail(context: Context, video_id: int, frames: list[Frame], found: list[list[FoundFace]]) -> str:
    """A frame of the first chunk that shows most faces, or its middle one."""
    counts = [len(faces) for faces in found]
    best = counts.index(max(counts)) if any(counts) else len(frames) // 2
    key = f"thumbnails/{video_id}.jpg"
    context.blobs.write(key, encode_jpeg(frames[best].image, quality=85, max_side=THUMBNAIL_SIDE))
    return key


def link_tracks(context: Context, run: JobRun, video_id: int) -> None:
    """Follows the stored faces of a video and stores the tracks; what was there is replaced.

    Args:
        context: The context.
        run: The attempt that owns the job.
        video_id: The video; all its faces are stored.
    """
    started = time.perf_counter()
    while not _link(context, run, video_id):
        run.check()
    seconds = round(time.perf_counter() - started, 3)
    logger.info("tracks linked", extra={"job_id": run.job_id, "video_id": video_id, "seconds": seconds})


def _link(context: Context, run: JobRun, video_id: int) -> bool:
    """Returns False where the library changed its pack meanwhile: the tracks were of vectors that are gone."""
    with context.database.session() as session:
        space = space_rows.pinned(session)
        results = list(_follow(context, session, video_id, space)) if space else []
    with context.database.write() as session:
        run.fence(session)
        present = space_rows.hold(session)
        if space is not None and (present is None or present.name != space.name):
            return False
        rows = [(_track_row(video_id, space.id, result), result.keys) for result in results] if space else []
        track_rows.replace_for_video(session, video_id, rows)
    return True


def _follow(context: Context, session: Session, video_id: int, space: EmbeddingSpace) -> Iterator[TrackResult]:
    tracker = Tracker(TrackSettings.for_distance(pack_of_space(context.settings, space).same_person_distance))
    # a change of pack leaves those in their old space that it could not measure anew
    faces = (face for face in face_rows.in_video(session, video_id) if face.space_id == space.id)
    for _, group in groupby(faces, key=lambda face: face.sample):
        yield from tracker.add([_observed(face) for face in group])
    yield from tracker.finish()


def _track_row(video_id: int, space_id: int, result: TrackResult) -> Track:
    return Track(
        video_id=video_id,
        space_id=space_id,
        start=result.start,
        end=result.end,
        face_count=result.face_count,
        quality=result.quality,
        usable=result.usable,
        best_face_id=result.best_key,
        embedding=vectors.encode(result.embedding),
    )


def _observed(face: Face) -> Observation:
    return Observation(
        timestamp=face.timestamp,
        sample=face.sample,
        box=BoundingBox(face.x1, face.y1, face.x2, face.y2),
        embedding=vectors.decode(face.embedding),
        quality=Quality(face.quality, tuple(QualityReason(reason) for reason in face.quality_reasons)),
        key=face.id,
    )


def _finish(context: Context, run: JobRun, video_id: int, interval: float, warning: str | None) -> None:
    if run.done == 0 and run.next_sample == 0:
        raise MediaError("The video has no picture that could be read.")
    with context.database.write() as session:
        run.fence(session)
        session.execute(
            update(Video)
            .where(Video.id == video_id)
            .values(interval=interval, frames_sampled=int(run.done), warning=warning, processed_at=utc_now())
        )
    run.note = warning
