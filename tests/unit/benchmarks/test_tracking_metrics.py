"""MOTA, IDF1 and HOTA: by hand where that can be done, and as motmetrics and trackers have them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.tracking_metrics import Frame, frame, measure, overlaps


def alone(truth: list[int], said: list[int]) -> Frame:
    """Everybody at a place of their own, and who is said is where the truth at the same position is."""
    return Frame(tuple(truth), tuple(said), np.eye(len(truth), len(said)))


def test_perfect() -> None:
    figures = measure([[alone([0, 1], [7, 3])] * 4])
    assert (figures.mota, figures.idf1, figures.hota, figures.switches) == (1.0, 1.0, 1.0, 0)


def test_a_track_torn_in_the_middle() -> None:
    figures = measure([[alone([0], [1])] * 5 + [alone([0], [2])] * 5])
    assert figures.switches == 1
    assert figures.mota == pytest.approx(0.9)
    assert figures.idf1 == pytest.approx(0.5)
    assert figures.hota == pytest.approx(np.sqrt(0.5))


def test_missed_and_false() -> None:
    figures = measure([[alone([0, 1], [5])] * 3 + [alone([], [9])]])
    assert figures.mota == pytest.approx(1 - (3 + 1) / 6)
    assert figures.idf1 == pytest.approx(2 * 3 / (6 + 4))


def test_two_people_in_one_track() -> None:
    figures = measure([[alone([0], [1])] * 5 + [alone([1], [1])] * 5])
    assert figures.mota == 1.0
    assert figures.idf1 == pytest.approx(0.5)


def test_nobody_anywhere() -> None:
    assert measure([[alone([], [])]]).mota == 1.0
    assert measure([]).idf1 == 0.0


def test_films_are_apart() -> None:
    film = [alone([0], [0])] * 3
    assert measure([film, film]).idf1 == 1.0
    assert measure([film + [alone([0], [1])] * 3]).idf1 == measure([[alone([0], [0])] * 3 + [alone([0], [1])] * 3]).idf1


def test_overlap() -> None:
    one = np.array([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    np.testing.assert_allclose(overlaps(one, np.array([[5.0, 0, 15, 10]])), [[1 / 3], [0]])
    assert overlaps(one, np.empty((0, 4))).shape == (2, 0)


def noisy(seed: int) -> list[Frame]:
    """Three people who walk, boxes that are off, misses, false ones and tracks that change hands."""
    noise = np.random.default_rng(seed)
    film, track = [], [0, 1, 2]
    for step in range(40):
        if noise.random() < 0.1:
            one, other = noise.choice(3, 2, replace=False)
            track[one], track[other] = track[other], track[one]
        if noise.random() < 0.1:
            track[noise.integers(3)] = 10 + step
        x = np.array([10 + 3 * step, 150 - 2 * step, 80 + step], float)
        boxes = np.stack([x, np.full(3, 20.0), x + 40, np.full(3, 70.0)], axis=1)
        there = noise.random(3) > 0.1
        found = there & (noise.random(3) > 0.15)
        said_boxes = boxes[found] + noise.normal(0, 4, (found.sum(), 4))
        said = [track[i] for i in np.flatnonzero(found)]
        if noise.random() < 0.15:
            said, said_boxes = [*said, 99], np.vstack([said_boxes, [[200.0, 20, 240, 70]]])
        film.append(frame([int(i) for i in np.flatnonzero(there)], boxes[there], said, said_boxes))
    return film


# MOTA and IDF1 of motmetrics 1.4.0 and HOTA of trackers 2.6.1 on noisy(seed)
OTHERS = {
    0: (0.742857143, 0.5, 0.391597664),
    1: (0.709090909, 0.372093023, 0.322649538),
    2: (0.745454545, 0.596153846, 0.379849306),
    3: (0.657657658, 0.504854369, 0.34381905),
}


@pytest.mark.parametrize("seed", OTHERS)
def test_as_others_have_it(seed: int) -> None:
    figures = measure([noisy(seed)])
    assert (figures.mota, figures.idf1, figures.hota) == pytest.approx(OTHERS[seed], abs=1e-6)
