"""The disk: how much of it is free, and its being full said in our words."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from app.errors import DiskFullError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write on the disk of a folder; the folder need not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def is_full(error: BaseException) -> bool:
    """True where an error says that the disk, or this user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in FULL


@contextlib.contextmanager
def disk_full_said() -> Iterator[None]:
    """Turns "no space left" into our own error.

    Raises:
        DiskFullError: The disk is full.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise DiskFullError from error
