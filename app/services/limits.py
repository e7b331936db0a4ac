"""How much may come in: the library's own limit, and the disk's reserve. Looked at before and while bytes come in."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import DiskFullError, TooLargeError
from app.models import Video
from app.services.context import Context
from app.storage.disk import free_bytes

LOOK_EVERY = 16_000_000  # bytes that come in between two looks at the disk
LOW_BYTES = 2_000_000_000  # free beyond the reserve: from here on people are warned


@dataclass(frozen=True, slots=True)
class DiskState:
    """How full the fullest disk is that the library needs.

    Attributes:
        free: Bytes that are free.
        reserve: Bytes that are always left free.
    """

    free: int
    reserve: int

    @property
    def is_full(self) -> bool:
        """True when nothing more is taken in."""
        return self.free < self.reserve

    @property
    def is_low(self) -> bool:
        """True when soon nothing more is taken in."""
        return self.free < self.reserve + LOW_BYTES

    @property
    def warning(self) -> str | None:
        """One sentence for people, or ``None`` while there is room."""
        if self.is_full:
            return f"The disk is full: {_megabytes(self.free)} are free. New videos are refused until there is room."
        if self.is_low:
            return f"The disk is nearly full: {_megabytes(self.free)} are free."
        return None


class Room:
    """Watches that bytes which come in fit into the library and onto the disk.

    Args:
        context: The context.
        expected: How many there will be in all, where the sender says so.
        came: How many lie on the disk already, such as of an upload that is gone on with.

    Raises:
        TooLargeError: The library would pass MAX_LIBRARY_GB.
        DiskFullError: The disk's reserve would be touched.
    """

    def __init__(self, context: Context, expected: int | None = None, came: int = 0) -> None:
        self._context = context
        self._came = came
        self._next_look = came + LOOK_EVERY
        self._limit = context.settings.max_library_bytes
        self._held = 0
        if self._limit is not None:
            with context.database.session() as session:
                self._held = library_bytes(session)
        self.expect(expected or 0)

    def expect(self, size: int) -> None:
        """Says how many bytes there will be in all; may be called again, such as when a download tells it late.

        Raises:
            TooLargeError: The library would pass MAX_LIBRARY_GB.
            DiskFullError: The disk's reserve would be touched.
        """
        _check_library(self._limit, self._held + max(size, self._came))
        check_disk(self._context, max(size - self._came, 0))

    def came(self, total: int) -> None:
        """Says how many bytes have come so far, and lie on the disk.

        Raises:
            TooLargeError: The library would pass MAX_LIBRARY_GB.
            DiskFullError: The disk's reserve is touched.
        """
        self._came = total
        _check_library(self._limit, self._held + total)
        if total >= self._next_look:
            self._next_look = total + LOOK_EVERY
            check_disk(self._context)


def library_bytes(session: Session) -> int:
    """What all videos take together; files that are used where they lie are not the library's."""
    own = select(func.coalesce(func.sum(Video.size_bytes), 0)).where(Video.local_path.is_(None))
    return int(session.scalar(own) or 0)


def check_library(context: Context, session: Session, size: int) -> None:
    """Makes sure, within the transaction that files a video, that the library may grow by its size.

    Raises:
        TooLargeError: It would pass MAX_LIBRARY_GB.
    """
    limit = context.settings.max_library_bytes
    if limit is not None:
        _check_library(limit, library_bytes(session) + size)


def check_disk(context: Context, more: int = 0) -> None:
    """Makes sure that so many bytes more may be written.

    Raises:
        DiskFullError: The disk's reserve would be touched.
    """
    state = disk_state(context)
    if state.free - more < state.reserve:
        raise DiskFullError(
            f"There is no room on the disk: {_megabytes(state.free)} are free, and {_megabytes(state.reserve)} of it stay "
            "free (MIN_FREE_DISK_MB). Delete videos or make room, then try again."
        )


def disk_state(context: Context) -> DiskState:
    """How full the fullest disk is that videos are written to."""
    free = min(free_bytes(folder) for folder in context.blobs.places)
    return DiskState(free, context.settings.min_free_disk_mb * 1_000_000)


def _check_library(limit: int | None, size: int) -> None:
    if limit is not None and size > limit:
        raise TooLargeError(
            f"The library is full: its limit is {limit / 1e9:g} GB. Delete videos, or raise MAX_LIBRARY_GB.", limit
        )


def _megabytes(size: int) -> str:
    return f"{max(size, 0) // 1_000_000} MB" if size < 10_000_000_000 else f"{size / 1e9:.0f} GB"
