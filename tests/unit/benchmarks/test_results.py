"""The figures of the speed part."""

from __future__ import annotations

import pytest

from benchmarks.results import BatchCost, Comparison, MemoryRun, PackCost, Quartiles, SizeCell, Target, alternate


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([2.0], (2.0, 2.0, 2.0, 1), id="one"),
        pytest.param([1.0, 2.0, 3.0, 4.0, 100.0], (2.0, 3.0, 4.0, 5), id="one outlier does not show"),
        pytest.param([4.0, 1.0], (1.75, 2.5, 3.25, 2), id="between two"),
    ],
)
def test_quartiles(values: list[float], expected: tuple[float, float, float, int]) -> None:
    found = Quartiles.of(values)
    assert (found.first, found.median, found.third, found.count) == pytest.approx(expected)


def test_no_value_has_no_quartiles() -> None:
    with pytest.raises(ValueError, match="no value"):
        Quartiles.of([])


@pytest.mark.parametrize(
    ("target", "value", "holds"),
    [
        pytest.param(Target(5.0, at_least=True), 5.0, True, id="just fast enough"),
        pytest.param(Target(5.0, at_least=True), 4.99, False, id="too slow"),
        pytest.param(Target(1.15, at_least=False), 1.15, True, id="just little enough"),
        pytest.param(Target(1.15, at_least=False), 1.16, False, id="too much"),
    ],
)
def test_a_target_is_a_limit_from_one_side(target: Target, value: float, holds: bool) -> None:
    assert target.holds(value) is holds


def test_a_ratio_is_formed_within_a_turn() -> None:
    one = Comparison("work", "peer", 2, None, ours=[1.0, 10.0, 1.0], theirs=[8.0, 80.0, 9.0])
    assert one.ratio.median == pytest.approx(8.0)
    assert one.milliseconds(one.ours).median == pytest.approx(500.0)


def test_the_best_batch_size_is_the_one_that_is_fastest_and_not_the_one_with_the_best_ratio() -> None:
    slow = BatchCost(1, 8, engine=[1.0], bare=[0.99])
    fast = BatchCost(4, 8, engine=[0.8], bare=[0.7])
    cost = PackCost("pack", batches=[slow, fast])
    assert cost.best is fast
    assert cost.best.ratio.median == pytest.approx(8 / 7)
    assert cost.best.milliseconds.median == pytest.approx(100.0)


def test_sizes_are_per_picture_and_growth_is_from_the_first_mark_to_the_last() -> None:
    assert SizeCell("net", 256, 4, [2.0]).milliseconds.median == pytest.approx(500.0)
    assert MemoryRun("pack", {1000: 200.0, 20000: 203.0}).growth == pytest.approx(0.015)


def test_sides_take_turns_and_the_warm_up_does_not_count() -> None:
    order = []

    def side(name: str, seconds: float):
        def work() -> float:
            order.append(name)
            return seconds + len(order)

        return work

    ours, theirs = alternate(2, side("ours", 0.0), side("theirs", 100.0))
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert (ours, theirs) == ([4.0, 5.0], [103.0, 106.0])


def test_what_takes_long_is_measured_less_often_but_three_times() -> None:
    ours, theirs = alternate(9, lambda: 20.0, lambda: 100.0)
    assert (ours, theirs) == ([20.0] * 3, [100.0] * 3)
    assert len(alternate(9, lambda: 1.0, lambda: 11.0)[0]) == 5
