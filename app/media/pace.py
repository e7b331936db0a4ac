"""Keeps a download to so many bytes a second."""

from __future__ import annotations

import time
from collections.abc import Callable

MOST = 256 * 1024
LEAST = 1024


class Pace:
    """Says how much to read at once, and waits after each piece.

    Args:
        bytes_per_second: The limit; ``None`` or 0 for none.
        pause: Waits so many seconds; may come back early when the download ends.
        clock: Seconds, ever growing.
    """

    def __init__(
        self,
        bytes_per_second: int | None,
        pause: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = bytes_per_second or 0
        self._pause = pause
        self._clock = clock
        self._free_at = 0.0

    @property
    def piece(self) -> int:
        """Most bytes to read at once: a quarter of a second's worth, so that the flow stays even."""
        return max(LEAST, min(MOST, self._rate // 4)) if self._rate else MOST

    def spend(self, count: int) -> None:
        """Notes bytes that have come, and waits until more may come."""
        if not self._rate:
            return
        now = self._clock()
        self._free_at = max(now, self._free_at) + count / self._rate
        self._pause(self._free_at - now)
