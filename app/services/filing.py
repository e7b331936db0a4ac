"""Files videos and their jobs: one video for the same bytes, however often and from wherever they come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.domain import JobKind, JobState, MediaKind, QueueName, Sampling, VideoOrigin
from app.errors import ConflictError, InvalidInputError
from app.models import Job, Video
from app.services.context import Context
from app.services.ingest_options import IngestOptions
from app.services.inspection import Inspection
from app.services.webhook_messages import check_webhook_url
from app.storage import jobs as job_rows
from app.storage import sources as source_rows


@dataclass(frozen=True)
class Submission:
    """What became of one video that was handed in.

    Attributes:
        video_id: The video, new or already there.
        job_id: The job that works on it, or the one that did.
        duplicate: True when these very bytes were in the library already.
        interval: Seconds between samples with which it is, or was, looked at.
        sampling: Which frames are, or were, looked at.
        again: True when it was there and is looked at anew.
        title: What the video is called.
    """

    video_id: int
    job_id: str
    duplicate: bool = False
    interval: float | None = None
    sampling: Sampling | None = None
    again: bool = False
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something came from.

    Attributes:
        kind: In which way it came.
        address: A URL, or a path on this machine.
        file_name: Name of the file there.
        size_bytes: Of a file on this machine.
        modified_ns: When that file was last changed.
    """

    kind: VideoOrigin
    address: str | None = None
    file_name: str | None = None
    size_bytes: int | None = None
    modified_ns: int | None = None

    def note(self, session: Session, video_id: int, title: str | None = None) -> None:
        """Writes it down for a video."""
        source_rows.add(
            session,
            video_id,
            self.kind,
            address=self.address,
            file_name=self.file_name,
            title=title,
            size_bytes=self.size_bytes,
            modified_ns=self.modified_ns,
        )


def checked_options(context: Context, options: IngestOptions) -> IngestOptions:
    """The options with everything filled in that the settings decide.

    Raises:
        InvalidInputError: The interval is out of range, or the address to be told is none.
    """
    return replace(
        options,
        interval=check_interval(context, options.interval),
        sampling=options.sampling or context.settings.sampling,
        webhook_url=check_webhook_url(options.webhook_url),
    )


def check_interval(context: Context, interval: float | None) -> float:
    """The interval to use in seconds.

    Raises:
        InvalidInputError: It is not a number above 0 and up to 3600.
    """
    if interval is None:
        return context.settings.frame_extraction_interval
    if not 0 < interval <= 3600:  # also refuses NaN
        raise InvalidInputError("The interval must be above 0 and at most 3600 seconds.")
    return float(interval)


def new_video(session: Session, *, file_name: str, sha256: str, size: int, origin: Origin, found: Inspection) -> Video:
    """Adds the row of a video whose bytes are at hand, and notes where it came from."""
    info = found.info
    video = Video(
        file_name=file_name,
        title=Path(file_name).stem[:500],
        origin=origin.kind,
        media_kind=found.kind,
        sha256=sha256,
        size_bytes=size,
        duration=info.duration if info else None,
        width=info.width if info else None,
        height=info.height if info else None,
        frame_rate=info.frame_rate if info else None,
        codec=info.codec if info else None,
    )
    session.add(video)
    session.flush()
    origin.note(session, video.id, video.title)
    return video


def file_job(session: Session, kind: JobKind, video: Video, options: IngestOptions) -> Submission:
    """Adds the job of a new video.

    Args:
        session: A writing session.
        kind: What has to be done with it.
        video: The video.
        options: From :func:`checked_options`.
    """
    job = add_job(session, kind, video.id, options)
    return Submission(video.id, job.id, interval=options.interval, sampling=options.sampling, title=video.title)


def asked_for(options: IngestOptions) -> dict[str, Any]:
    """What a job's or a batch's ``params`` keep of the options."""
    asked: dict[str, Any] = {
        "interval": options.interval,
        "sampling": (options.sampling or Sampling.INTERVAL).value,
    }
    if options.webhook_url is not None and options.batch_id is None:
        asked["webhook_url"] = options.webhook_url
    return asked


def add_job(session: Session, kind: JobKind, video_id: int, options: IngestOptions, **params: Any) -> Job:
    """Adds a job with what was asked for; announce it after the commit."""
    asked = {**asked_for(options), **params}
    job = job_rows.add(session, kind, video_id=video_id, batch_id=options.batch_id, params=asked)
    job.queue = QueueName.DOWNLOAD if kind is JobKind.FETCH_VIDEO else QueueName.VISION
    job.priority = options.chosen_priority
    return job


def file_again(session: Session, video: Video, options: IngestOptions, origin: Origin | None = None) -> Submission:
    """For bytes that are there: the job that handles them, or a new one.

    A new one where the last one did not succeed, or where the caller asks to look at them again.

    Args:
        session: A writing session.
        video: The video that is there.
        options: From :func:`checked_options`.
        origin: Where the bytes came from this time.

    Raises:
        ConflictError: It is to be looked at again while it is being looked at.
    """
    if origin is not None:
        origin.note(session, video.id)
    last = job_rows.latest_for_video(session, video.id)
    ended = last is None or last.state.is_final
    if options.again and not ended:
        raise ConflictError("This video is being looked at just now. Wait until that has ended, or cancel it first.")
    failed = last is None or last.state in (JobState.FAILED, JobState.CANCELLED)
    if last is not None and not failed and not options.again:
        return _as_it_was(video, last)
    job = add_job(session, JobKind.PROCESS_VIDEO, video.id, options)
    return Submission(
        video.id,
        job.id,
        duplicate=True,
        interval=options.interval,
        sampling=options.sampling,
        again=True,
        title=video.title,
    )


def _as_it_was(video: Video, job: Job) -> Submission:
    """What is there already. Pictures have no settings: each of them is looked at."""
    stills = video.media_kind == MediaKind.PICTURES
    interval = video.interval if video.interval is not None else job.params.get("interval")
    sampling = video.sampling or job.params.get("sampling") or Sampling.INTERVAL
    return Submission(
        video.id,
        job.id,
        duplicate=True,
        interval=None if stills else interval,
        sampling=None if stills else Sampling(sampling),
        title=video.title,
    )
