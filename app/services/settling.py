"""Tells when a file is complete: it has stayed as it is for a while, and nobody has it open for writing."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.services.local_files import FileMark, mark_of


@dataclass(slots=True)
class _Waiting:
    mark: FileMark
    since: float


class Settler:
    """Files that were created or changed lately, and since when they have not changed any more.

    Args:
        seconds: How long size and date must stay the same.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[Path, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def touch(self, path: Path, now: float, *, delay: float = 0.0) -> None:
        """Something happened to a file. One that is waiting already goes on waiting if it did not change.

        Args:
            path: The file.
            now: The present time, on a clock that only goes forward.
            delay: Wait so much longer.
        """
        try:
            mark = mark_of(path)
        except OSError:
            self._waiting.pop(path, None)
            return
        known = self._waiting.get(path)
        if known is None or known.mark != mark or delay:
            self._waiting[path] = _Waiting(mark, now + delay)

    def settled(self, now: float) -> list[Path]:
        """Files that are complete. They stay until :meth:`take`.

        Args:
            now: The present time, on the same clock.
        """
        found = []
        for path, waiting in list(self._waiting.items()):
            if now - waiting.since < self._seconds:
                continue
            self.touch(path, now)
            still = self._waiting.get(path)
            if still is waiting and is_being_written(path):
                waiting.since = now
            elif still is waiting:
                found.append(path)
        return found

    def mark(self, path: Path) -> FileMark:
        """The mark of a waiting file."""
        return self._waiting[path].mark

    def take(self, paths: Iterable[Path]) -> None:
        """These need not wait any longer."""
        for path in paths:
            self._waiting.pop(path, None)

    def unsettled_in(self, folder: Path, settled: Iterable[Path]) -> bool:
        """Whether a folder has files that are not complete yet."""
        done = set(settled)
        return any(path.parent == folder and path not in done for path in self._waiting)


def is_being_written(path: Path) -> bool:
    """Whether somebody has a file open for writing; False also where the system does not tell.

    Linux grants a lease for reading on a file only while nobody has it open for writing.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # whoever opens the file for writing at this very moment makes the kernel send a signal: one that does nothing
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    except AttributeError:  # no Linux
        return False
    finally:
        os.close(handle)
    return False
