from __future__ import annotations

import numpy as np
import pytest

from app.vision.boxes import overlap, square, suppress

UNIT = (0.0, 0.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("other", "union", "smaller"),
    [
        (UNIT, 1.0, 1.0),
        ((10.0, 0.0, 20.0, 10.0), 0.0, 0.0),
        ((30.0, 30.0, 40.0, 40.0), 0.0, 0.0),
        ((5.0, 0.0, 15.0, 10.0), 1 / 3, 0.5),
        ((2.0, 2.0, 7.0, 7.0), 0.25, 1.0),
        ((-5.0, -5.0, 5.0, 5.0), 25 / 175, 0.25),
        ((3.0, 3.0, 3.0, 3.0), 0.0, 0.0),
        ((8.0, 8.0, 2.0, 2.0), 0.0, 0.0),
    ],
    ids=["same", "touching", "apart", "half", "inside", "corner", "empty", "inside out"],
)
def test_overlap(other, union: float, smaller: float):
    first, second = np.array([UNIT]), np.array([other])
    for one, two in ((first, second), (second, first)):
        assert overlap(one, two)[0, 0] == pytest.approx(union)
        assert overlap(one, two, "min")[0, 0] == pytest.approx(smaller)


def test_overlap_of_two_empty_boxes_is_a_number():
    empty = np.zeros((2, 4))
    assert (overlap(empty, empty) == 0).all()
    assert (overlap(empty, empty, "min") == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_dtypes_are_kept(dtype):
    some, none = np.ones((3, 4), dtype), np.ones((0, 4), dtype)
    assert overlap(some, none).shape == (3, 0)
    assert overlap(none, some).shape == (0, 3)
    assert overlap(some, some).dtype == dtype
    assert square(none).shape == (0, 4)
    assert square(some).dtype == dtype
    assert suppress(none, np.ones(0), 0.5).tolist() == []


# A row of boxes of width 10: each overlaps its neighbours by 6 / 14 and the one after the next by 2 / 18.
ROW = np.array([(left, 0.0, left + 10.0, 10.0) for left in (0.0, 4.0, 8.0)])


@pytest.mark.parametrize(
    ("scores", "threshold", "kept"),
    [
        ([0.9, 0.8, 0.7], 0.5, [0, 1, 2]),
        ([0.9, 0.8, 0.7], 0.3, [0]),
        ([0.8, 0.9, 0.7], 0.3, [1]),
        ([0.8, 0.7, 0.9], 0.3, [2, 0]),
        ([0.7, 0.8, 0.9], 0.05, [2]),
    ],
    ids=["little overlap", "a suppressed one suppresses", "middle wins", "middle goes", "all overlap"],
)
def test_suppress(scores, threshold: float, kept: list[int]):
    assert suppress(ROW, np.array(scores), threshold).tolist() == kept


def test_a_box_at_the_threshold_stays():
    pair = np.array([UNIT, (0.0, 0.0, 10.0, 5.0)])
    assert suppress(pair, np.array([0.9, 0.8]), 0.5).tolist() == [0, 1]
    assert suppress(pair, np.array([0.9, 0.8]), 0.499).tolist() == [0]
    assert suppress(pair, np.array([0.9, 0.8]), 0.5, measure="min").tolist() == [0]


@pytest.mark.parametrize("count", [2, 100, 128, 129, 1300])
@pytest.mark.parametrize("measure", ["union", "min"])
@pytest.mark.parametrize("width", [200.0, 3000.0], ids=["crowded", "spread"])
def test_many_boxes_give_what_a_plain_loop_gives(count: int, measure, width: float):
    random = np.random.default_rng(1)
    corners = random.uniform(0, (width, 200), (count, 2))
    boxes = np.concatenate([corners, corners + random.uniform(-5, 40, (count, 2))], axis=1)
    scores = random.permutation(count) / count
    order = np.argsort(-scores)
    expected = [
        int(index)
        for place, index in enumerate(order)
        if not (overlap(boxes[order[:place]], boxes[[index]], measure) > 0.4).any()
    ]
    assert suppress(boxes, scores, 0.4, measure=measure).tolist() == expected


@pytest.mark.parametrize("count", [3, 300])
def test_of_equal_boxes_one_stays(count: int):
    boxes, scores = np.tile([UNIT], (count, 1)), np.full(count, 0.5)
    assert len(suppress(boxes, scores, 0.5)) == 1
    scores[count // 2] = 0.9
    assert suppress(boxes, scores, 0.5).tolist() == [count // 2]


def test_square_grows_around_the_centre():
    boxes = np.array([(10.0, 20.0, 30.0, 28.0), (0.0, 0.0, 4.0, 10.0), (1.0, 1.0, 3.0, 3.0)])
    assert square(boxes).tolist() == [[10, 14, 30, 34], [-3, 0, 7, 10], [1, 1, 3, 3]]
