"""Which frames are wanted, and what must be decoded to get them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest

from app.media.plan import SampleClock, UnplannableError, exact, leading_count, plan_group

TICK = Fraction(1, 10)


@dataclass(frozen=True)
class Packet:
    pts: int | None
    is_keyframe: bool = False
    is_discard: bool = False


def group(*times: int | None) -> list[Packet]:
    return [Packet(time, index == 0) for index, time in enumerate(times)]


@pytest.mark.parametrize(
    ("interval", "times", "expected"),
    [
        pytest.param(1.0, [0, 0.5, 1, 1.5, 2], [(0, 0), (1, 1), (2, 2)], id="on the second"),
        pytest.param(1.0, [0, 0.9, 1.2, 2.1], [(0, 0), (1, 1.2), (2, 2.1)], id="the first at or after"),
        pytest.param(1.0, [0, 3.7, 3.8, 4.0], [(0, 0), (3, 3.7), (4, 4.0)], id="a gap gives one frame, largest number"),
        pytest.param(5.0, [0, 1, 2], [(0, 0)], id="shorter than the interval"),
        pytest.param(0.1, [0, 0.1, 0.2, 0.3], [(0, 0), (1, 0.1), (2, 0.2), (3, 0.3)], id="tenths are exact"),
        pytest.param(0.001, [0, 0.5], [(0, 0), (500, 0.5)], id="finer than the frames"),
    ],
)
def test_the_clock_numbers_frames(interval: float, times: list[float], expected: list[tuple[int, float]]) -> None:
    clock = SampleClock(exact(interval))
    taken = [(clock.take(Fraction(str(time))), time) for time in times]
    assert [pair for pair in taken if pair[0] is not None] == expected


def test_a_clock_that_starts_later_gives_the_tail_of_a_full_one() -> None:
    times = [Fraction(n * n, 90) for n in range(60)]

    def run(start: int) -> list[tuple[int, Fraction]]:
        clock = SampleClock(exact(0.4), start)
        return [(number, time) for time in times if (number := clock.take(time)) is not None]

    full = run(0)
    assert len(full) > 40
    for start in range(full[-1][0] + 2):
        assert run(start) == [pair for pair in full if pair[0] >= start]


@pytest.mark.parametrize(
    ("first", "second", "wanted", "feed"),
    [
        pytest.param(group(0, 1, 2, 3), group(10), (0,), 1, id="only the key frame"),
        pytest.param(group(0, 4, 2, 8, 6), group(12), (0, 6), 5, id="up to the last wanted in decoding order"),
        pytest.param(group(0, 5, 3, 9), group(12), (0, 5), 2, id="the rest of the group is left"),
        pytest.param(
            group(0, 1), group(9, 5, 7, 10), (0, 5), 4, id="the next group's leading frame, with its key frame"
        ),
        pytest.param(group(0, 1), [], (0,), 1, id="the last group"),
    ],
)
def test_no_more_is_fed_than_wanted(
    first: list[Packet], second: list[Packet], wanted: tuple[int, ...], feed: int
) -> None:
    clock = SampleClock(Fraction(1, 2))
    orders = plan_group(first, second, clock, TICK, 0, is_first=True)
    assert (orders.wanted, orders.feed) == (wanted, feed)


def test_a_group_without_a_wanted_frame_is_passed_over() -> None:
    clock = SampleClock(Fraction(5), 1)
    assert plan_group(group(10, 11, 12), group(20), clock, TICK, 0, is_first=False).feed == 0
    assert plan_group(group(50, 51), [], clock, TICK, 0, is_first=False).wanted == (50,)


def test_frames_that_are_never_shown_are_never_wanted() -> None:
    hidden = [Packet(0, True, is_discard=True), Packet(1, is_discard=True), Packet(2), Packet(3)]
    assert plan_group(hidden, [], SampleClock(Fraction(1)), TICK, 2, is_first=True).wanted == (2,)


def test_leading_packets_are_counted() -> None:
    assert leading_count(group(9, 5, 7, 10, 8)) == 2
    assert leading_count(group(9, 10, 11)) == 0


@pytest.mark.parametrize(
    ("packets", "origin"),
    [
        pytest.param(group(0, None, 2), 0, id="a time is missing"),
        pytest.param(group(0, 2, 2), 0, id="a time is there twice"),
        pytest.param(group(1, 2, 3), 0, id="the first frame is not among them"),
        pytest.param(group(None, 1), 0, id="the key frame has no time"),
    ],
)
def test_what_cannot_be_planned_says_so(packets: list[Packet], origin: int) -> None:
    with pytest.raises(UnplannableError):
        plan_group(packets, group(9), SampleClock(Fraction(1)), TICK, origin, is_first=True)
