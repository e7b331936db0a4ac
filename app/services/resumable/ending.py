"""The end of an upload: filed as a video, refused, or thrown away when its time has run out."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.domain import Sampling
from app.errors import AppError, BusyError, ConflictError, InvalidInputError, MediaError, NotFoundError, TooLargeError
from app.models import Upload, utc_now
from app.services.context import Context
from app.services.ingest import Submission, finish_upload
from app.services.ingest_options import IngestOptions
from app.services.resumable.state import awaits_filing, is_taken_away
from app.services.uploads import UploadSink, hash_file
from app.storage import jobs as job_rows
from app.storage import uploads as upload_rows
from app.storage import videos as video_rows
from app.storage.partial_files import PartialFile

logger = logging.getLogger(__name__)

REFUSALS = (InvalidInputError, TooLargeError, MediaError, ConflictError)
LOST = "The file was lost when the server was stopped at a bad moment. Send it again."


class ReceivedFile(UploadSink):
    """A complete file, in the form that filing takes; it stays where it is when filing fails."""

    def __init__(self, path: Path, file_name: str) -> None:
        self.path = path
        self.file_name = file_name
        self._sha256, self.size = hash_file(path)

    def close(self) -> None:
        """Nothing is open."""

    def discard(self) -> None:
        """Leaves the file to whoever holds its lock: a failure that may pass must not cost the whole upload."""

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the bytes."""
        return self._sha256


def part_of(context: Context, upload_id: str) -> PartialFile:
    """The bytes of an upload.

    Raises:
        NotFoundError: This cannot be the id of an upload.
    """
    try:
        return PartialFile(context.blobs.temp.resumable(upload_id))
    except InvalidInputError as error:
        raise NotFoundError("There is no such upload.") from error


def pack_options(options: IngestOptions) -> dict[str, Any]:
    """The options as the row keeps them."""
    return {name: value for name, value in asdict(options).items() if value is not None}


def unpack_options(params: dict[str, Any]) -> IngestOptions:
    """The options that :func:`pack_options` packed."""
    sampling = params.get("sampling")
    return IngestOptions(**{**params, "sampling": Sampling(sampling) if sampling else None})


def file_upload(context: Context, row: Upload, part: PartialFile) -> None:
    """Files the video of a complete upload; for whoever holds its lock.

    Raises:
        InvalidInputError, TooLargeError, MediaError, ConflictError: The file is refused; it is deleted, and the row says why.
    """
    if is_taken_away(row, part):
        _recall(context, row)
    else:
        _file(context, row, part)
    part.remove()


def expire(context: Context) -> int:
    """Throws away uploads whose time has run out, and files complete ones that a kill left unfiled.

    Returns:
        How many were thrown away.
    """
    with context.database.session() as session:
        expired, complete = upload_rows.expired(session, utc_now()), upload_rows.complete(session)
    for upload_id in complete:
        _file_left_over(context, upload_id)
    removed = sum(_throw_away(context, upload_id) for upload_id in expired)
    removed += sum(_throw_away(context, upload_id) for upload_id in _without_row(context))
    if removed:
        logger.info("uploads expired", extra={"count": removed})
    return removed


def _file(context: Context, row: Upload, part: PartialFile) -> None:
    received = ReceivedFile(part.path, row.file_name)
    # Noted first: if the server is killed while the file moves into the library, this tells which video it became.
    with context.database.write() as session:
        upload_rows.change(session, row.id, sha256=received.sha256)
    try:
        submission = finish_upload(context, received, unpack_options(row.params))
    except REFUSALS as error:
        _refuse(context, row, error)
        part.remove()
        raise
    _finish(context, row, submission)


def _recall(context: Context, row: Upload) -> None:
    with context.database.session() as session:
        video = video_rows.by_sha256(session, row.sha256 or "")
        job = job_rows.latest_for_video(session, video.id) if video is not None else None
    if video is None or job is None:
        _refuse(context, row, NotFoundError(LOST))
    else:
        _finish(context, row, Submission(video.id, job.id))


def _finish(context: Context, row: Upload, submission: Submission) -> None:
    with context.database.write() as session:
        upload_rows.change(
            session,
            row.id,
            finished_at=utc_now(),
            video_id=submission.video_id,
            job_id=submission.job_id,
            duplicate=submission.duplicate,
        )


def _refuse(context: Context, row: Upload, error: AppError) -> None:
    logger.info("upload refused", extra={"upload_id": row.id, "code": error.code})
    with context.database.write() as session:
        upload_rows.change(session, row.id, finished_at=utc_now(), error_code=error.code, error=error.message)


def _file_left_over(context: Context, upload_id: str) -> None:
    part = part_of(context, upload_id)
    with contextlib.suppress(BusyError, *REFUSALS), part.locked(patience=0):
        with context.database.session() as session:
            row = upload_rows.get(session, upload_id)
        if row is not None and awaits_filing(row, part):
            file_upload(context, row, part)


def _throw_away(context: Context, upload_id: str) -> bool:
    part = part_of(context, upload_id)
    try:
        with part.locked(patience=0):
            part.remove()
            with context.database.write() as session:
                upload_rows.remove(session, upload_id)
    except BusyError:
        return False
    return True


def _without_row(context: Context) -> list[str]:
    found = [upload_id for upload_id, _ in context.blobs.temp.resumables()]
    with context.database.session() as session:
        return [upload_id for upload_id in found if not upload_rows.is_known(session, upload_id)]
