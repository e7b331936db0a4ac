"""Takes the bytes of an upload as they come, at the place where the last ones ended."""

from __future__ import annotations

import contextlib
import logging
from datetime import datetime, timedelta

from app.errors import (
    ChecksumError,
    ConflictError,
    GoneError,
    InvalidInputError,
    NotFoundError,
    TooLargeError,
)
from app.models import Upload, utc_now
from app.services.context import Context
from app.services.filing import checked_options
from app.services.limits import Room
from app.services.resumable.ending import REFUSALS, file_upload, pack_options, part_of
from app.services.resumable.state import Chunk, UploadState, Wishes, awaits_filing, offset_of
from app.storage import batches as batch_rows
from app.storage import uploads as upload_rows
from app.storage.jobs import new_id
from app.storage.names import safe_file_name
from app.storage.partial_files import PartialFile

logger = logging.getLogger(__name__)

BATCH_TITLE = "Files sent together"
PATIENCE = 2.0  # seconds for a request whose sender has just gone away to notice it


def create_upload(context: Context, wishes: Wishes, size: int | None) -> UploadState:
    """Begins an upload.

    Args:
        context: The context.
        wishes: What the sender says about the file.
        size: Bytes in all; ``None`` where the sender will say so later.

    Raises:
        InvalidInputError: The file is empty, or the interval is out of range.
        TooLargeError: It is over MAX_VIDEO_SIZE_MB.
        DiskFullError: There is no room for it.
    """
    checked_options(context, wishes.options)
    file_name = safe_file_name(wishes.file_name)
    if size is not None:
        _check_size(context, file_name, size)
    Room(context, size)
    upload_id = new_id()
    row = Upload(id=upload_id, file_name=file_name, size=size, metadata_text=wishes.metadata_text)
    row.params = pack_options(wishes.options)
    row.expires_at = _expiry(context)
    with context.database.write() as session:
        session.add(row)
        if wishes.options.batch_id is not None:
            batch_rows.ensure(session, wishes.options.batch_id, BATCH_TITLE)
    return UploadState.of(row, part_of(context, upload_id))


def look(context: Context, upload_id: str) -> UploadState:
    """Where an upload stands. A complete one that was left unfiled, by a kill at the wrong moment, is filed now.

    Raises:
        NotFoundError: There is no such upload.
        GoneError: Its time has run out.
    """
    part = part_of(context, upload_id)
    row = _living(context, upload_id)
    if awaits_filing(row, part) and not part.is_locked:
        with part.locked(PATIENCE), contextlib.suppress(*REFUSALS):  # the row says why
            row = _living(context, upload_id)
            if awaits_filing(row, part):
                file_upload(context, row, part)
        row = _living(context, upload_id)
    return UploadState.of(row, part)


def receive(context: Context, upload_id: str, chunk: Chunk) -> UploadState:
    """Takes more bytes, and files the video when they were the last.

    Raises:
        NotFoundError: There is no such upload.
        GoneError: Its time has run out, or the complete file was refused.
        BusyError: Another request writes it.
        ConflictError: The offset is not where the file ends.
        InvalidInputError: The size was told before, or the complete file is refused.
        TooLargeError: The chunk is larger than what is missing.
        ChecksumError: The bytes are not those that the sender sent; none of them count.
        DiskFullError: There is no room; what fitted stays.
    """
    part = part_of(context, upload_id)
    row = _writable(context, upload_id)  # before the lock: no lock is made for what does not exist
    if row.finished_at is not None:
        _prepare(context, row, part, chunk)
        return UploadState.of(row, part)
    with part.locked(PATIENCE):
        row = _writable(context, upload_id)
        at_most = _prepare(context, row, part, chunk)
        try:
            _write(context, row, part, chunk, at_most)
        finally:
            _note(context, upload_id, unverified_from=None, expires_at=_expiry(context))
        row = _living(context, upload_id)
        if awaits_filing(row, part):
            file_upload(context, row, part)
    return UploadState.of(_living(context, upload_id), part)


def remove_upload(context: Context, upload_id: str) -> None:
    """Ends an upload and deletes what had come. The video that a finished one became stays.

    Raises:
        NotFoundError: There is no such upload.
        BusyError: A request writes it.
    """
    part = part_of(context, upload_id)
    _living(context, upload_id)
    with part.locked(PATIENCE):
        part.remove()
        with context.database.write() as session:
            upload_rows.remove(session, upload_id)
    logger.info("upload ended by its sender", extra={"upload_id": upload_id})


def unfinished_uploads(context: Context, limit: int = 500) -> list[UploadState]:
    """Uploads of which bytes are still missing, the newest first."""
    now = utc_now()
    with context.database.session() as session:
        rows = [row for row in upload_rows.unfinished(session, limit) if row.expires_at > now]
    return [UploadState.of(row, part_of(context, row.id)) for row in rows]


def _living(context: Context, upload_id: str) -> Upload:
    with context.database.session() as session:
        row = upload_rows.get(session, upload_id)
    if row is None:
        raise NotFoundError("There is no such upload.")
    if row.finished_at is None and row.expires_at < utc_now():
        raise GoneError("The time for this upload has run out. Send the file again.")
    return row


def _writable(context: Context, upload_id: str) -> Upload:
    row = _living(context, upload_id)
    if row.error is not None:
        raise GoneError(row.error)
    return row


def _prepare(context: Context, row: Upload, part: PartialFile, chunk: Chunk) -> int:
    """Checks the chunk against the file; returns how many bytes it may have at most."""
    if row.unverified_from is not None:  # the last writer was killed before it could compare
        part.cut(row.unverified_from)
        _note(context, row.id, unverified_from=None)
        row.unverified_from = None
    offset = offset_of(row, part)
    if chunk.offset != offset:
        raise ConflictError(f"{offset} bytes of this file are here. Go on from there.")
    if chunk.size is not None:
        _learn_size(context, row, chunk.size, offset)
    at_most = (context.settings.max_video_bytes if row.size is None else row.size) - offset
    if chunk.length is not None and chunk.length > at_most:
        raise _too_much(context, row)
    return at_most


def _write(context: Context, row: Upload, part: PartialFile, chunk: Chunk, at_most: int) -> None:
    if row.finished_at is not None:
        return
    if chunk.checksum is not None:
        _note(context, row.id, unverified_from=chunk.offset)
    arrived, good = 0, False
    room = Room(context, chunk.offset + (chunk.length or 0), came=chunk.offset)
    try:
        with contextlib.closing(part.append(chunk.pieces)) as written:
            for piece in written:
                arrived += len(piece)
                if arrived > at_most:
                    part.cut(chunk.offset)
                    raise _too_much(context, row)
                room.came(chunk.offset + arrived)
                if chunk.checksum is not None:
                    chunk.checksum.state.update(piece)
        good = chunk.checksum is None or chunk.checksum.state.digest() == chunk.checksum.digest
        if not good:
            raise ChecksumError("The bytes were changed on their way. Send them again.")
    finally:
        if chunk.checksum is not None and not good:
            part.cut(chunk.offset)


def _learn_size(context: Context, row: Upload, size: int, offset: int) -> None:
    if row.size is not None:
        if row.size != size:
            raise InvalidInputError("The size of this file was told before and cannot be changed.")
        return
    _check_size(context, row.file_name, size)
    if size < offset:
        raise InvalidInputError(f"The file cannot have {size} bytes: {offset} are here already.")
    _note(context, row.id, size=size)
    row.size = size


def _check_size(context: Context, file_name: str, size: int) -> None:
    limit = context.settings.max_video_bytes
    if size > limit:
        raise TooLargeError(
            f"The video is larger than the limit of {limit // 1_000_000} MB. Raise MAX_VIDEO_SIZE_MB to allow it.",
            limit,
        )
    if size == 0:
        raise InvalidInputError(f"{file_name} is empty. Choose a video file.")


def _too_much(context: Context, row: Upload) -> TooLargeError:
    if row.size is not None:
        return TooLargeError(f"More came than the {row.size} bytes that this file was said to have.", row.size)
    limit = context.settings.max_video_bytes
    return TooLargeError(f"The video is larger than the limit of {limit // 1_000_000} MB.", limit)


def _note(context: Context, upload_id: str, **values: object) -> None:
    with context.database.write() as session:
        upload_rows.change(session, upload_id, **values)


def _expiry(context: Context) -> datetime:
    return utc_now() + timedelta(hours=context.settings.upload_expire_hours)
