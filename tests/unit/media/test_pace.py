"""So many bytes a second, and not more."""

from __future__ import annotations

import pytest

from app.media.pace import MOST, Pace


class Clock:
    """Time that only passes where somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += max(0.0, seconds)


@pytest.mark.parametrize("rate", [10_000, 300_000, 5_000_000])
def test_the_limit_is_kept(rate: int) -> None:
    clock = Clock()
    pace = Pace(rate, clock.wait, clock)
    sent = 0
    while sent < 10 * rate:
        pace.spend(pace.piece)
        sent += pace.piece
        assert sent <= rate * (clock.now - 100.0) + 1
    assert clock.now - 100.0 == pytest.approx(sent / rate)


def test_a_slow_site_has_no_credit() -> None:
    """Otherwise a download would burst after a pause."""
    clock = Clock()
    pace = Pace(1000, clock.wait, clock)
    clock.now += 60
    pace.spend(500)
    assert clock.now == pytest.approx(160.5)


@pytest.mark.parametrize("rate", [None, 0])
def test_without_a_limit_nobody_waits(rate: int | None) -> None:
    clock = Clock()
    pace = Pace(rate, clock.wait, clock)
    pace.spend(10**9)
    assert (clock.now, pace.piece) == (100.0, MOST)


def test_pieces_are_small_where_the_limit_is() -> None:
    assert Pace(40_000).piece == 10_000
    assert Pace(100).piece == 1024
    assert Pace(10**9).piece == MOST
