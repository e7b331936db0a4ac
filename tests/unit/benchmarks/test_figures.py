"""The arithmetic of the benchmarks."""

from __future__ import annotations

import pytest

from benchmarks.figures import Cost, Spread, growth, spread

COST = Cost(decode=2.0, detect=5.0, embed=3.0, networks=6.0, total=11.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([3.0], Spread(3.0, 3.0, 3.0), id="one"),
        pytest.param([9.0, 1.0, 2.0], Spread(1.0, 2.0, 9.0), id="odd"),
        pytest.param([4.0, 1.0, 2.0, 9.0], Spread(1.0, 3.0, 9.0), id="even"),
    ],
)
def test_spread(values: list[float], expected: Spread) -> None:
    assert Spread.of(values) == expected


def test_no_value_has_no_spread() -> None:
    with pytest.raises(ValueError, match="empty"):
        Spread.of([])


def test_own_cost_is_what_comes_on_top() -> None:
    assert COST.rest == pytest.approx(1.0)
    assert COST.own_cost == pytest.approx(0.10)
    assert COST.beside_networks == pytest.approx(11 / 8 - 1)


def test_own_cost_is_negative_where_working_side_by_side_saves_more() -> None:
    assert Cost(decode=4.0, detect=4.0, embed=2.0, networks=5.0, total=9.0).own_cost == pytest.approx(-0.1)


def test_a_ratio_is_formed_within_a_run() -> None:
    slow = Cost(*(10 * value for value in (2.0, 5.0, 3.0, 6.0, 11.0)))
    assert spread([COST, slow], lambda run: run.own_cost) == Spread.of([COST.own_cost, slow.own_cost])
    assert spread([COST, slow], lambda run: run.own_cost).median == pytest.approx(0.10)


def test_growth_compares_medians() -> None:
    assert growth([100, 101, 500], [103, 104, 99]) == pytest.approx(103 / 101 - 1)
