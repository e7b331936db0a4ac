"""Brings videos and pictures into the library: uploads and files of this machine. Links: ``ingest_links.py``."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from app.domain import JobKind, JobState, VideoOrigin
from app.errors import InvalidInputError, NotFoundError
from app.models import Video
from app.services.context import Context
from app.services.filing import (
    Origin,
    Submission,
    check_interval,
    checked_options,
    file_again,
    file_job,
    new_video,
)
from app.services.ingest_options import IngestOptions
from app.services.inspection import Inspection, inspect_file
from app.services.limits import check_library
from app.services.local_files import FileMark, mark_of
from app.services.uploads import UploadSink, begin_upload, hash_file
from app.storage import jobs as job_rows
from app.storage import videos as video_rows
from app.storage.blobs import safe_file_name

__all__ = ["Submission", "check_interval", "finish_upload", "submit_file"]

NO_OPTIONS = IngestOptions()


def finish_upload(
    context: Context,
    sink: UploadSink,
    options: IngestOptions = NO_OPTIONS,
    *,
    origin: Origin | None = None,
) -> Submission:
    """Looks at a complete upload, files it and queues its job.

    What it is (a video, a picture, a ZIP file of pictures) is told by its content.

    Args:
        context: The context.
        sink: The sink with all bytes written; it is consumed in any case.
        options: How it shall be looked at.
        origin: Where the bytes came from; an upload where ``None``.

    Returns:
        The submission; for bytes already in the library, the video that is there.

    Raises:
        InvalidInputError: The interval is out of range.
        MediaError: It cannot be looked through; each reason has a code of its own. Nothing is left behind.
        TooLargeError: It holds too much.
        ConflictError: It shall be looked at again while it is being looked at.
    """
    sink.close()
    origin = origin or Origin(VideoOrigin.UPLOAD, file_name=sink.file_name)
    try:
        checked = checked_options(context, options)
        found = None if _is_known(context, sink.sha256) else inspect_file(context.settings, sink.path)
        try:
            submission = _file_upload(context, sink, found, checked, origin)
        except IntegrityError:  # the same bytes were filed by somebody else between our look and our write
            submission = _file_upload(context, sink, found, checked, origin)
    finally:
        sink.discard()
    announce(context, submission)
    return submission


def submit_file(
    context: Context,
    path: Path,
    options: IngestOptions = NO_OPTIONS,
    *,
    in_place: bool = False,
) -> Submission:
    """Brings a file of this machine into the library and queues its job.

    Args:
        context: The context.
        path: A readable file.
        options: How it shall be looked at.
        in_place: Use the file where it lies instead of a copy. It is never changed or deleted.

    Raises:
        NotFoundError: There is no such file.
        InvalidInputError: It cannot be read, or changes at this moment.
        MediaError: It cannot be looked through.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path.name}.")
    try:
        return _submit_in_place(context, path, options) if in_place else _submit_copy(context, path, options)
    except OSError as error:
        raise InvalidInputError(f"{path.name} cannot be read: {error.strerror}.") from error


def _submit_copy(context: Context, path: Path, options: IngestOptions) -> Submission:
    mark = mark_of(path)
    sink = begin_upload(context, path.name, limited=False, expected=mark.size)
    try:
        with path.open("rb") as source:
            while piece := source.read(1 << 20):
                sink.write(piece)
        mark.check_settled(path)
    except BaseException:
        sink.discard()
        raise
    return finish_upload(context, sink, options, origin=_origin(path, mark))


def _submit_in_place(context: Context, path: Path, options: IngestOptions) -> Submission:
    checked = checked_options(context, options)
    place = path.resolve()
    mark = mark_of(place)
    sha256, size = hash_file(place)
    found = None if _is_known(context, sha256) else inspect_file(context.settings, place)
    mark.check_settled(place)
    for last_try in (False, True):
        try:
            submission = _file_in_place(context, place, sha256, size, found, checked, _origin(place, mark))
            break
        except IntegrityError:  # the same bytes were filed by somebody else between our look and our write
            if last_try:
                raise
    announce(context, submission)
    return submission


def _origin(path: Path, mark: FileMark) -> Origin:
    address = str(path.resolve())
    return Origin(VideoOrigin.FILE, address, path.name[:255], mark.size, mark.modified_ns)


def _file_upload(
    context: Context, sink: UploadSink, found: Inspection | None, options: IngestOptions, origin: Origin
) -> Submission:
    if found is None and (submission := _file_known(context, sink.sha256, options, origin)) is not None:
        return submission
    with context.blobs.arriving(sink.path, sink.file_name) as arrival, context.database.write() as session:
        known = video_rows.by_sha256(session, sink.sha256)
        if known is not None:
            if _lost_its_place(known):
                known.blob_key, known.local_path = arrival.keep(known.id), None
            return file_again(session, known, options, origin)
        found = found or inspect_file(context.settings, sink.path)  # it was known, and is deleted since
        check_library(context, session, sink.size)  # once more: others came in meanwhile
        video = new_video(
            session, file_name=sink.file_name, sha256=sink.sha256, size=sink.size, origin=origin, found=found
        )
        video.blob_key = arrival.keep(video.id)
        return file_job(session, JobKind.PROCESS_VIDEO, video, options)


def _file_known(context: Context, sha256: str, options: IngestOptions, origin: Origin) -> Submission | None:
    """For bytes that need not be stored once more, which in a bucket takes long; ``None`` where they must be."""
    with context.database.write() as session:
        known = video_rows.by_sha256(session, sha256)
        if known is None or _lost_its_place(known):
            return None
        return file_again(session, known, options, origin)


def _lost_its_place(video: Video) -> bool:
    """True for a file that was used where it lay and is no longer there; a copy takes its place."""
    return video.blob_key is None and video.local_path is not None and not os.path.exists(video.local_path)  # noqa: PTH110


def _file_in_place(
    context: Context,
    path: Path,
    sha256: str,
    size: int,
    found: Inspection | None,
    options: IngestOptions,
    origin: Origin,
) -> Submission:
    with context.database.write() as session:
        known = video_rows.by_sha256(session, sha256)
        if known is not None:
            if known.local_path is not None and not Path(known.local_path).is_file():
                known.local_path = str(path)  # it was moved
            return file_again(session, known, options, origin)
        found = found or inspect_file(context.settings, path)
        name = safe_file_name(path.name)
        video = new_video(session, file_name=name, sha256=sha256, size=size, origin=origin, found=found)
        video.local_path = str(path)
        return file_job(session, JobKind.PROCESS_VIDEO, video, options)


def _is_known(context: Context, sha256: str) -> bool:
    with context.database.session() as session:
        return video_rows.by_sha256(session, sha256) is not None


def announce(context: Context, submission: Submission) -> None:
    """Tells the queue of a submission's job, where that waits."""
    if not submission.duplicate or _waits(context, submission.job_id):
        context.queue.send(JobKind.PROCESS_VIDEO, submission.job_id)


def _waits(context: Context, job_id: str) -> bool:
    with context.database.session() as session:
        job = job_rows.get(session, job_id)
        return job is not None and job.state == JobState.QUEUED
