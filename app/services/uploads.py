"""Takes the bytes of a video as they arrive: to disk, hashed and counted, never whole in memory."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import BinaryIO

from app.errors import DiskFullError, TooLargeError
from app.services.context import Context
from app.services.limits import Room
from app.storage.blobs import safe_file_name
from app.storage.disk import disk_full_said


class UploadSink:
    """A writable file among the temporary ones.

    Attributes:
        file_name: The safe form of the name that the sender gave.
        path: Where the bytes lie until the video is filed.
        size: Bytes written so far.
    """

    def __init__(self, path: Path, file_name: str, limit_bytes: int | None, room: Room) -> None:
        self.path = path
        self.file_name = file_name
        self.size = 0
        self._limit = limit_bytes
        self._room = room
        self._hash = hashlib.sha256()
        self._file: BinaryIO = path.open("wb")

    def write(self, data: bytes) -> int:
        """Appends bytes.

        Raises:
            TooLargeError: The limit, or that of the library, is passed; what was written is deleted.
            DiskFullError: There is no room; what was written is deleted.
        """
        try:
            return self._take(data)
        except (TooLargeError, DiskFullError):
            self.discard()
            raise

    def _take(self, data: bytes) -> int:
        self.size += len(data)
        if self._limit is not None and self.size > self._limit:
            raise TooLargeError(
                f"The video is larger than the limit of {self._limit // 1_000_000} MB. "
                "Raise MAX_VIDEO_SIZE_MB to allow it.",
                self._limit,
            )
        self._room.came(self.size)
        self._hash.update(data)
        with disk_full_said():
            return self._file.write(data)

    def close(self) -> None:
        """Ends writing; the file stays until it is filed or discarded.

        Raises:
            DiskFullError: There is no room for the last bytes.
        """
        with disk_full_said():
            self._file.close()

    def discard(self) -> None:
        """Deletes the file. Harmless when called twice or after filing."""
        with contextlib.suppress(OSError):  # the last bytes may find no room, and are not wanted
            self._file.close()
        self.path.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the bytes written so far."""
        return self._hash.hexdigest()


def begin_upload(context: Context, file_name: str, *, limited: bool = True, expected: int | None = None) -> UploadSink:
    """Opens a sink for one video.

    Args:
        context: The context.
        file_name: The name that the sender gave; made safe here.
        limited: Whether MAX_VIDEO_SIZE_MB applies; it does for whatever comes over the network.
        expected: How many bytes will come, where that is known.

    Returns:
        The sink; the caller discards it or passes it to ``finish_upload``.

    Raises:
        TooLargeError: The library is full.
        DiskFullError: There is no room.
    """
    safe_name = safe_file_name(file_name)
    room = Room(context, expected)
    path = context.blobs.new_temp(Path(safe_name).suffix)
    return UploadSink(path, safe_name, context.settings.max_video_bytes if limited else None, room)


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 in hexadecimal, and size in bytes, of a file read in pieces of 1 MiB."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size
