"""Looks at frames chunk by chunk and stores what is found, the checkpoint in the same transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import update

from app.domain import Frame, Sampling
from app.errors import DiskFullError, JobCancelledError, JobLostError, PackMismatchError
from app.media.sampling import chunk_end
from app.media.scenes import signature
from app.models import Video
from app.services.context import Context
from app.services.erase import remove_files
from app.services.job_run import JobRun
from app.services.looking import look_at
from app.services.process_video.crops import Placed, write_thumbnail
from app.storage import faces as face_rows
from app.storage import spaces as space_rows
from app.storage import videos as video_rows
from app.vision import FaceEngine

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What is looked at, and where it goes.

    Attributes:
        video: The video.
        interval: Seconds between samples.
        sampling: How frames are chosen.
        first: First sample of it.
        end: First sample after it; ``None``: up to the end of the video.
        folder: Where crops go.
        hidden: Whether its faces stay unseen until the whole video was looked at.
    """

    video: Video
    interval: float
    sampling: Sampling
    first: int = 0
    end: int | None = None
    folder: str | None = None
    hidden: bool = False

    @classmethod
    def of(cls, run: JobRun, video: Video) -> Task:
        """The task of a job."""
        return cls(
            video=video,
            interval=float(run.params["interval"]),
            sampling=Sampling(run.params.get("sampling") or Sampling.INTERVAL),
            first=int(run.params.get("first_sample", 0)),
            end=run.params.get("end_sample"),
            folder=run.params.get("folder"),
            hidden=bool(run.params.get("hidden")),
        )


def look_through(context: Context, run: JobRun, task: Task, frames: Iterable[Frame]) -> None:
    """Looks at all frames.

    Args:
        context: The context.
        run: The attempt that owns the job.
        task: What the frames are of.
        frames: From the job's checkpoint on.
    """
    for chunk in _chunks(frames, task.sampling):
        run.check()
        try:
            _look_at_chunk(context, run, task, chunk)
        except (JobCancelledError, JobLostError):
            _tidy(context, task.video.id)
            raise


def _chunks(frames: Iterable[Frame], sampling: Sampling) -> Iterator[list[Frame]]:
    for _, group in groupby(frames, key=lambda frame: chunk_end(frame.sample, sampling)):
        yield list(group)


def _look_at_chunk(context: Context, run: JobRun, task: Task, frames: list[Frame]) -> None:
    engine = context.engine()
    try:
        _look_with(engine, context, run, task, frames)
    except PackMismatchError:
        # another process pinned a pack, or changed it, since the networks were chosen
        other = context.engine()
        if other.pack.space == engine.pack.space:
            raise
        _look_with(other, context, run, task, frames)


def _look_with(engine: FaceEngine, context: Context, run: JobRun, task: Task, frames: list[Frame]) -> None:
    looked, found = look_at(engine, frames)
    run.check()
    video = task.video
    if video.thumbnail_key is None and task.first == 0:
        video.thumbnail_key = write_thumbnail(context, video.id, looked, found)
    placed = [
        Placed(video.id, frame, ordinal, face, task.folder, task.hidden, scene)
        for frame, faces in zip(looked, found, strict=True)
        for scene in ([signature(frame.image)] if faces else [])
        for ordinal, face in enumerate(faces)
    ]
    try:
        # Not forced to the disk: after a power cut the checkpoint may be ahead of a picture, never of a row.
        context.blobs.write_many([one.crop() for one in placed], durable=False)
        with context.database.write() as session:
            last = frames[-1].sample
            end = chunk_end(last, task.sampling)
            run.checkpoint(session, next_sample=end, done=last + 1 - task.first, new_faces=len(placed))
            if placed:
                space = space_rows.get_or_create(session, engine.pack.space, engine.pack.name, engine.pack.dimension)
                face_rows.add_many(session, [one.row(space.id) for one in placed])
            if task.first == 0:
                session.execute(update(Video).where(Video.id == video.id).values(thumbnail_key=video.thumbnail_key))
    except (JobCancelledError, DiskFullError, OSError):
        for one in placed:  # no row names them; on a full disk they would also be in the way
            context.blobs.delete(one.crop_key)
        raise
    logger.debug("chunk stored", extra={"job_id": run.job_id, "video_id": video.id, "faces": len(placed)})


def _tidy(context: Context, video_id: int) -> None:
    """Whoever deleted the video could not know of the files of the chunk in hand."""
    with context.database.session() as session:
        video = video_rows.get(session, video_id)
    if video is None:
        remove_files(context, video_id)
