"""A file that grows over several requests, written by one of them at a time, across threads and processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

from app.errors import BusyError
from app.storage.disk import disk_full_said

SYNC_EVERY = 64_000_000  # bytes
PAUSE = 0.02  # seconds between two looks at the lock


class PartialFile:
    """The bytes of one upload. How many there are is the size of the file: nothing else keeps count.

    Args:
        path: Where the bytes lie. The file appears with the first bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # A file of its own, because the bytes are moved away while the lock is held.
        self._lock_path = path.with_suffix(".lock")

    @property
    def size(self) -> int:
        """Bytes that are there."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def exists(self) -> bool:
        """True once a byte was written, until the file is moved or removed."""
        return self.path.exists()

    @property
    def is_locked(self) -> bool:
        """True while somebody writes."""
        if not self._lock_path.exists():
            return False
        try:
            with self.locked(patience=0):
                return False
        except BusyError:
            return True

    @contextlib.contextmanager
    def locked(self, patience: float) -> Iterator[None]:
        """Lets nobody else write meanwhile; a process that dies lets go.

        Args:
            patience: Seconds to wait for somebody who is about to end, such as a request whose sender went away.

        Raises:
            BusyError: Somebody else writes.
        """
        deadline = time.monotonic() + patience
        while (handle := self._try_lock()) is None:
            if time.monotonic() >= deadline:
                raise BusyError("Another request is sending this very file. Wait until it has ended.")
            time.sleep(PAUSE)
        try:
            yield
        finally:
            os.close(handle)

    def cut(self, size: int) -> None:
        """Takes away what lies beyond ``size`` bytes."""
        if self.size > size:
            os.truncate(self.path, size)

    def append(self, pieces: Iterable[bytes]) -> Generator[bytes, None, None]:
        """Writes pieces to the end of the file as they come, and hands each on once the system has it.

        A killed process loses nothing of what was handed on. The disk has it when the iteration ends, also by an error.

        Raises:
            DiskFullError: The disk is full; what fitted on it stays.
        """
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        unsynced = 0
        try:
            for piece in pieces:
                with disk_full_said():
                    _write_all(handle, piece)
                unsynced += len(piece)
                if unsynced >= SYNC_EVERY:
                    os.fsync(handle)
                    unsynced = 0
                yield piece
            os.fsync(handle)
        except BaseException:
            with contextlib.suppress(OSError):  # the first failure is the one to tell
                os.fsync(handle)
            raise
        finally:
            os.close(handle)

    def remove(self) -> None:
        """Deletes the file and its lock; for whoever holds the lock. Harmless when they are gone."""
        self.path.unlink(missing_ok=True)
        self._lock_path.unlink(missing_ok=True)

    def _try_lock(self) -> int | None:
        handle = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        if (
            os.fstat(handle).st_nlink == 0
        ):  # whoever had it removed it; a lock on a file without a name keeps nobody out
            os.close(handle)
            return None
        return handle


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
