"""Brings videos into the library: uploads, local files and addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import JobKind, JobState, VideoOrigin
from app.errors import AppError, InvalidInputError, NotFoundError
from app.models import Job, Video
from app.services.context import Context
from app.services.uploads import UploadSink, begin_upload
from app.storage import jobs as job_rows
from app.storage import videos as video_rows
from app.storage.blobs import safe_file_name

VIDEO_SUFFIXES = frozenset(
    [
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".ts",
        ".m2ts",
        ".mts",
        ".mpg",
        ".mpeg",
        ".wmv",
        ".flv",
        ".3gp",
        ".3g2",
        ".ogv",
        ".gif",
        ".mjpeg",
        ".mxf",
        ".vob",
    ]
)
MAX_URL_LENGTH = 4096


@dataclass(frozen=True)
class Submission:
    """What became of one video that was handed in.

    Attributes:
        video_id: The video, new or already there.
        job_id: The job that works on it, or the one that did.
        duplicate: True when these very bytes were in the library already.
    """

    video_id: int
    job_id: str
    duplicate: bool = False


def finish_upload(
    context: Context,
    sink: UploadSink,
    *,
    interval: float | None = None,
    origin: VideoOrigin = VideoOrigin.UPLOAD,
    batch_id: str | None = None,
) -> Submission:
    """Files a complete upload and queues its job.

    Args:
        context: The context.
        sink: The sink with all bytes written; it is consumed in any case.
        interval: Seconds between samples; the setting's where ``None``.
        origin: Where the bytes came from.
        batch_id: Groups jobs that were handed in together.

    Returns:
        The submission; for bytes already in the library, the video that is there.

    Raises:
        InvalidInputError: Nothing was written, or the interval is out of range.
    """
    sink.close()
    try:
        checked = check_interval(context, interval)
        if sink.size == 0:
            raise InvalidInputError(f"{sink.file_name} is empty. Choose a video file.")
        try:
            submission = _file_upload(context, sink, checked, origin, batch_id)
        except IntegrityError:  # the same bytes were filed by somebody else between our look and our write
            submission = _file_upload(context, sink, checked, origin, batch_id)
    finally:
        sink.discard()
    if not submission.duplicate or _waits(context, submission.job_id):
        context.queue.send(JobKind.PROCESS_VIDEO, submission.job_id)
    return submission


def submit_file(context: Context, path: Path, *, interval: float | None = None) -> Submission:
    """Copies a local file into the library and queues its job.

    Args:
        context: The context.
        path: A readable file.
        interval: Seconds between samples; the setting's where ``None``.

    Raises:
        NotFoundError: There is no such file.
        InvalidInputError: It cannot be read or is empty.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path.name}.")
    sink = begin_upload(context, path.name, limited=False)
    try:
        with path.open("rb") as source:
            while piece := source.read(1 << 20):
                sink.write(piece)
    except OSError as error:
        sink.discard()
        raise InvalidInputError(f"{path.name} cannot be read: {error.strerror}.") from error
    return finish_upload(context, sink, interval=interval, origin=VideoOrigin.FILE)


def submit_url(context: Context, url: str, *, interval: float | None = None, batch_id: str | None = None) -> Submission:
    """Queues the download and processing of a video's address.

    Args:
        context: The context.
        url: An http or https address of a video or of a page that shows one.
        interval: Seconds between samples; the setting's where ``None``.
        batch_id: Groups jobs that were handed in together.

    Raises:
        InvalidInputError: The address is no http(s) address, or the interval is out of range.
    """
    address = check_url(url)
    checked = check_interval(context, interval)
    with context.database.write() as session:
        file_name = safe_file_name(unquote(Path(urlsplit(address).path).name) or "video")
        video = Video(file_name=file_name, title=address[:500], origin=VideoOrigin.URL, source_url=address)
        session.add(video)
        session.flush()
        job = _add_job(session, JobKind.FETCH_VIDEO, video.id, checked, batch_id)
        submission = Submission(video.id, job.id)
    context.queue.send(JobKind.FETCH_VIDEO, submission.job_id)
    return submission


def submit_urls(
    context: Context, urls: Sequence[str], *, interval: float | None = None
) -> tuple[str, list[Submission | AppError]]:
    """Queues many addresses; a bad one does not spoil the others.

    Returns:
        The batch's id, and for each address in order its submission or what is wrong with it.

    Raises:
        InvalidInputError: There is no address at all.
    """
    if not urls:
        raise InvalidInputError("Give at least one address.")
    batch_id = job_rows.new_id()
    results: list[Submission | AppError] = []
    for url in urls:
        try:
            results.append(submit_url(context, url, interval=interval, batch_id=batch_id))
        except AppError as error:
            results.append(error)
    return batch_id, results


def find_videos(folder: Path, *, recursive: bool = True) -> list[Path]:
    """The files under a folder whose names look like videos, sorted, hidden ones left out."""
    found = folder.rglob("*") if recursive else folder.glob("*")
    return sorted(
        path
        for path in found
        if path.suffix.lower() in VIDEO_SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
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


def check_url(url: str) -> str:
    """The address without surrounding blanks.

    Raises:
        InvalidInputError: It is not an http(s) address of a host.
    """
    address = url.strip()
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or len(address) > MAX_URL_LENGTH or any(c.isspace() or not c.isprintable() for c in address):
        raise InvalidInputError("This is not a web address. It must begin with http:// or https://.")
    return address


def _file_upload(
    context: Context, sink: UploadSink, interval: float, origin: VideoOrigin, batch_id: str | None
) -> Submission:
    with context.blobs.arriving(sink.path, sink.file_name) as arrival, context.database.write() as session:
        known = video_rows.by_sha256(session, sink.sha256)
        if known is not None:
            return _again(session, known, interval, batch_id)
        video = Video(
            file_name=sink.file_name,
            title=Path(sink.file_name).stem[:500],
            origin=origin,
            sha256=sink.sha256,
            size_bytes=sink.size,
        )
        session.add(video)
        session.flush()
        video.blob_key = arrival.keep(video.id)
        job = _add_job(session, JobKind.PROCESS_VIDEO, video.id, interval, batch_id)
        return Submission(video.id, job.id)


def _again(session: Session, video: Video, interval: float, batch_id: str | None) -> Submission:
    """For bytes that are there: the job that handles them, or a new one where the last one did not succeed."""
    last = job_rows.latest_for_video(session, video.id)
    if last is not None and last.state not in (JobState.FAILED, JobState.CANCELLED):
        return Submission(video.id, last.id, duplicate=True)
    job = _add_job(session, JobKind.PROCESS_VIDEO, video.id, interval, batch_id)
    return Submission(video.id, job.id, duplicate=True)


def _add_job(session: Session, kind: JobKind, video_id: int, interval: float, batch_id: str | None) -> Job:
    return job_rows.add(session, kind, video_id=video_id, batch_id=batch_id, params={"interval": interval})


def _waits(context: Context, job_id: str) -> bool:
    with context.database.session() as session:
        job = job_rows.get(session, job_id)
        return job is not None and job.state == JobState.QUEUED
