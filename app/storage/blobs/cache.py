"""Copies on this machine of blobs that are kept elsewhere; bounded, shared by all processes.

A copy is named after its blob's key and ETag, so a blob that was replaced is never taken for the new one. It appears
under its name when it is complete. Whoever reads one holds a lock of the kernel on it, which dies with the process; what
nobody reads may be removed, least recently used first.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from app.storage.blobs.store import BlobInfo
from app.storage.blobs.temp import PREFIX, remove_old
from app.storage.disk import disk_full_said
from app.storage.names import safe_suffix

logger = logging.getLogger(__name__)

COPY_PREFIX = "c-"
LOCK_PREFIX = "l-"

Download = Callable[[Path], None]


class LocalCopies:
    """A folder of copies.

    Args:
        folder: Where they lie; made where it is missing.
        max_bytes: How much they may take together. What is in use stays, even where that is more.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def use(self, blob: BlobInfo, download: Download) -> Iterator[Path]:
        """Gives the copy of a blob, fetched now unless it is there; it stays for as long as the block runs.

        Args:
            blob: The blob as it is now.
            download: Writes its bytes to a file that exists and is empty.

        Raises:
            DiskFullError: The disk is full.
        """
        path = self._folder / f"{COPY_PREFIX}{_digest(blob)}{safe_suffix(blob.key)}"
        held = _hold(path)
        if held is None:
            held = self._fetch(path, blob, download)
        try:
            yield path
        finally:
            held.close()
            self.make_room(0)

    def make_room(self, size: int) -> int:
        """Removes copies that nobody reads, least recently used first, until so many bytes more would fit.

        Returns:
            How many were removed.
        """
        copies = sorted(self._copies())
        total = sum(length for _, length, _ in copies) + size
        removed = 0
        for _, length, path in copies:
            if total <= self._max_bytes:
                break
            if _remove_unless_held(path):
                total, removed = total - length, removed + 1
        return removed

    def clean(self, max_age_seconds: float) -> int:
        """Removes halves of downloads, and copies that nobody has used for a while.

        Returns:
            How many were removed.
        """
        halves = remove_old(self._folder.glob(f"{PREFIX}*"), max_age_seconds)
        remove_old(self._folder.glob(f"{LOCK_PREFIX}*"), max_age_seconds)
        idle = [path for path in self._folder.glob(f"{COPY_PREFIX}*") if not _is_held(path)]
        return halves + remove_old(idle, max_age_seconds)

    def _fetch(self, path: Path, blob: BlobInfo, download: Download) -> BinaryIO:
        with self._only_one(path):
            # somebody else may have fetched it while we waited
            held = _hold(path)
            if held is not None:
                return held
            self.make_room(blob.size)
            with disk_full_said():
                handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=path.suffix, dir=self._folder)
                os.close(handle)
                half = Path(name)
                try:
                    download(half)
                    held = half.open("rb")
                    fcntl.flock(held, fcntl.LOCK_SH)  # before it has its name: it cannot be removed in between
                    half.replace(path)
                except BaseException:
                    half.unlink(missing_ok=True)
                    raise
        logger.info("blob copied to this machine", extra={"key": blob.key, "bytes": blob.size})
        return held

    @contextlib.contextmanager
    def _only_one(self, path: Path) -> Iterator[None]:
        """Lets one process at a time fetch this copy."""
        lock = self._folder / f"{LOCK_PREFIX}{path.stem.removeprefix(COPY_PREFIX)}"
        with lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _copies(self) -> Iterator[tuple[float, int, Path]]:
        """When each was used last, its size, its place."""
        for path in self._folder.glob(f"{COPY_PREFIX}*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                yield status.st_mtime, status.st_size, path


def _digest(blob: BlobInfo) -> str:
    return hashlib.sha256(f"{blob.key}\0{blob.etag}\0{blob.size}".encode()).hexdigest()


def _hold(path: Path) -> BinaryIO | None:
    """Opens a copy so that nobody removes it, and notes the use; ``None`` where it is not there."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    fcntl.flock(file, fcntl.LOCK_SH)
    if os.fstat(file.fileno()).st_nlink == 0:  # removed between the two calls
        file.close()
        return None
    os.utime(path)
    return file


def _is_held(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _remove_unless_held(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True
