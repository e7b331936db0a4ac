"""From tracks to what a timeline shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.storage.views.shapes import TrackRow


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time, in seconds of the video."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Length."""
        return self.end - self.start


def on_screen(tracks: Iterable[TrackRow], interval: float, duration: float | None) -> tuple[Interval, ...]:
    """When somebody is on screen.

    A face of one sample stands for the time up to the next sample; stretches that touch are joined.

    Args:
        tracks: The person's tracks in one video, in any order.
        interval: Seconds between samples.
        duration: Length of the video, where known; nothing reaches past it.

    Returns:
        Stretches by time, not overlapping.
    """
    joined: list[Interval] = []
    for track in sorted(tracks, key=lambda track: track.start):
        end = track.end + interval if duration is None else max(min(track.end + interval, duration), track.end)
        # half a sample of slack: true timestamps of a stream do not sit exactly on the grid
        if joined and track.start <= joined[-1].end + interval / 2:
            joined[-1] = Interval(joined[-1].start, max(joined[-1].end, end))
        else:
            joined.append(Interval(track.start, end))
    return tuple(joined)


def in_pictures(tracks: Iterable[TrackRow]) -> tuple[Interval, ...]:
    """In which pictures of a set somebody is: for each its number, twice, for it lasts no time."""
    return tuple(Interval(number, number) for number in sorted({track.start for track in tracks}))


def total_seconds(intervals: Iterable[Interval]) -> float:
    """Length of all stretches together."""
    return sum(interval.seconds for interval in intervals)


def best_moments(tracks: Sequence[TrackRow], limit: int) -> tuple[TrackRow, ...]:
    """The tracks worth a picture: the best ones where there are too many, by time."""
    shown = [track for track in tracks if track.crop_key]
    best = sorted(shown, key=lambda track: (-track.quality, track.start))[:limit]
    return tuple(sorted(best, key=lambda track: (track.start, track.id)))
