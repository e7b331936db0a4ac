"""How an attempt at a job ended."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PAUSED = "paused"
    RELEASED = "released"  # given back because this worker stops
    RETRY_LATER = "retry_later"  # it failed in a way that may pass
    HANDED_OVER = "handed_over"  # it waits in another queue now
    SPLIT = "split"  # its segments wait now; it goes on when the last of them has ended
    LOST = "lost"  # another attempt owns it, or it is gone
    NOT_CLAIMED = "not_claimed"  # nothing to do: ended, paused, taken, or no place is free
