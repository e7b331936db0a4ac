"""What is said and known about an upload that may be interrupted and gone on with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.models import Upload
from app.services.ingest_options import IngestOptions
from app.storage.partial_files import PartialFile

NO_OPTIONS = IngestOptions()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the sender says about a file.

    Attributes:
        file_name: Its name; made safe here.
        options: How it shall be looked at.
        metadata_text: ``Upload-Metadata`` as it came.
    """

    file_name: str
    options: IngestOptions = NO_OPTIONS
    metadata_text: str = ""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of a chunk must hash to; ``state`` is a fresh object of :mod:`hashlib`."""

    state: Any
    digest: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that arrive.

    Attributes:
        offset: Where in the file the sender means them to go.
        pieces: The bytes; an error that it raises ends the chunk, and what came before stays.
        length: How many bytes are announced, where the sender says so.
        size: Of the whole file, where the sender tells it only now.
        checksum: What they must hash to. Until that is sure, the chunk does not count.
    """

    offset: int
    pieces: Iterable[bytes]
    length: int | None = None
    size: int | None = None
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class UploadState:
    """Where an upload stands.

    Attributes:
        id: Its id.
        file_name: The safe name of the file.
        size: Bytes in all; ``None`` while the sender has not said.
        offset: Bytes that are here for good.
        metadata_text: ``Upload-Metadata`` as it came.
        expires_at: When it is thrown away unless more comes; for a finished one, when its result is forgotten.
        is_finished: True once the file is a video of the library, or was refused.
        is_busy: True while a request writes.
        video_id: The video that it became.
        job_id: The job that looks at it.
        duplicate: True when these very bytes were in the library already.
        error_code: Why the complete file was refused, for programs.
        error: The same, for people.
    """

    id: str
    file_name: str
    size: int | None
    offset: int
    metadata_text: str
    expires_at: datetime
    is_finished: bool = False
    is_busy: bool = False
    video_id: int | None = None
    job_id: str | None = None
    duplicate: bool = False
    error_code: str | None = None
    error: str | None = None

    @classmethod
    def of(cls, row: Upload, part: PartialFile) -> UploadState:
        """From the row and the bytes."""
        same = {name: getattr(row, name) for name in cls.__slots__ if name not in ("offset", "is_finished", "is_busy")}
        is_finished = row.finished_at is not None
        is_busy = not is_finished and part.is_locked
        return cls(offset=offset_of(row, part), is_finished=is_finished, is_busy=is_busy, **same)


def offset_of(row: Upload, part: PartialFile) -> int:
    """How many bytes of an upload are here for good."""
    if row.finished_at is not None or is_taken_away(row, part):
        return row.size or 0
    return part.size if row.unverified_from is None else min(part.size, row.unverified_from)


def is_taken_away(row: Upload, part: PartialFile) -> bool:
    """True when the complete file was on its way into the library, now or when the server was killed."""
    return row.sha256 is not None and not part.exists


def awaits_filing(row: Upload, part: PartialFile) -> bool:
    """True when all bytes have come and nobody has filed or refused the video yet."""
    return row.finished_at is None and row.size is not None and offset_of(row, part) == row.size
