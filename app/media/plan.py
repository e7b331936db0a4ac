"""Decides which frames of a video are wanted, and how little must be decoded to get them.

Pure bookkeeping on times; nothing here touches a decoder. All times are exact fractions of a second from the first
frame, so that a frame at 0.1 s is on time for an interval of 0.1 s, whatever a float makes of it.

The rule: sample ``k`` is the first frame at or after ``k * interval``. A frame that is the first for several samples
(after a gap of a variable frame rate) is given once, under the largest of their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol


class PacketLike(Protocol):
    """What the plan needs to know of a packet."""

    @property
    def pts(self) -> int | None:
        """Presentation time in ticks."""

    @property
    def is_keyframe(self) -> bool:
        """Whether decoding can start here."""

    @property
    def is_discard(self) -> bool:
        """Whether its frame is decoded but never shown."""


def exact(interval: float) -> Fraction:
    """The interval as the user wrote it: 0.1 becomes 1/10, not the nearest binary number."""
    return Fraction(repr(float(interval)))


class SampleClock:
    """Tells which sample a frame is, for frames in order of time.

    Args:
        interval: Seconds between samples.
        start: Number of the first sample that is wanted.
        end: First sample after those that are wanted; ``None``: all that follow are.
    """

    def __init__(self, interval: Fraction, start: int = 0, end: int | None = None) -> None:
        self.interval = interval
        self.next_sample = start
        self.end = end

    @property
    def due(self) -> Fraction:
        """Time in seconds from which on the next frame is a sample."""
        return self.next_sample * self.interval

    def is_over(self, time: Fraction) -> bool:
        """Whether neither a frame at ``time`` nor a later one is wanted."""
        return self.end is not None and time >= self.end * self.interval

    def take(self, time: Fraction) -> int | None:
        """Number of the sample that a frame at ``time`` is, or ``None`` where it is none; moves the clock on."""
        if time < self.due or self.is_over(time):
            return None
        sample = max(time // self.interval, self.next_sample)
        self.next_sample = sample + 1
        return sample


class UnplannableError(Exception):
    """The packets do not tell enough, or told something untrue; decode everything instead."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What to decode of a group of packets and the beginning of the next.

    Attributes:
        wanted: Ticks of the frames to keep, rising.
        feed: How many packets, counted from the group's key frame, the decoder must get; 0 where nothing is wanted.
    """

    wanted: tuple[int, ...]
    feed: int


def leading_count(group: Sequence[PacketLike]) -> int:
    """How many packets right after the key frame are shown before it (an "open" group of pictures).

    They refer to the group before, so they can be decoded only together with it.
    """
    key = group[0].pts
    if key is None:
        raise UnplannableError
    count = 0
    for packet in group[1:]:
        if packet.pts is None or packet.pts >= key:
            break
        count += 1
    return count


def plan_group(
    group: Sequence[PacketLike],
    following: Sequence[PacketLike],
    clock: SampleClock,
    tick: Fraction,
    origin: int,
    *,
    is_first: bool,
) -> Orders:
    """Chooses among the frames that are shown from one key frame on until the next.

    Args:
        group: Packets in order of decoding; the first is a key frame.
        following: Packets of the next group, empty at the end of the file.
        clock: Where sampling stands; moved on past this group.
        tick: Seconds per tick.
        origin: Tick of the first frame of the video.
        is_first: Whether the group opens the file, so that its leading packets belong to nothing before it.

    Returns:
        What to decode.

    Raises:
        UnplannableError: Times are missing or double.
    """
    skipped = 0 if is_first else leading_count(group)
    borrowed = leading_count(following) if following else 0
    own = [(packet, index) for index, packet in enumerate(group) if not 0 < index <= skipped]
    # to decode the next group's leading packets, its key frame must go in first
    own += [(following[index], len(group) + index) for index in range(1, borrowed + 1)]
    shown: dict[int, int] = {}
    for packet, index in own:
        if packet.pts is None or packet.pts in shown:
            raise UnplannableError
        if not packet.is_discard and packet.pts >= origin:
            shown[packet.pts] = index
    if is_first and origin not in shown:
        raise UnplannableError
    wanted = tuple(pts for pts in sorted(shown) if clock.take((pts - origin) * tick) is not None)
    return Orders(wanted, max((shown[pts] for pts in wanted), default=-1) + 1)
