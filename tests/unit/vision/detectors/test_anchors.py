from __future__ import annotations

import numpy as np
import pytest

from app.domain import FloatArray
from app.vision.detectors import anchors
from app.vision.detectors.anchors import Candidates


def test_anchors_of_a_cell_stand_together_and_rows_come_last() -> None:
    grid = anchors.anchor_grid(2, 3, 8, ((32.0, 32.0), (16.0, 8.0)), 7.5)
    assert grid.shape == (12, 4)
    np.testing.assert_array_equal(grid[0], [7.5, 7.5, 32, 32])
    np.testing.assert_array_equal(grid[1], [7.5, 7.5, 16, 8])
    np.testing.assert_array_equal(grid[2], [15.5, 7.5, 32, 32])
    np.testing.assert_array_equal(grid[7], [7.5, 15.5, 16, 8])


def test_anchors_are_kept_and_cannot_be_spoilt() -> None:
    first = anchors.anchor_grid(5, 4, 16, ((8.0, 8.0),), 0.0)
    assert anchors.anchor_grid(5, 4, 16, ((8.0, 8.0),), 0.0) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


def test_above_names_picture_and_anchor() -> None:
    scores = np.array([[0.1, 0.9, 0.5], [0.7, 0.2, np.nan]], np.float32)
    picture, anchor = anchors.above(scores, 0.5)
    assert list(zip(picture.tolist(), anchor.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 0)]


@pytest.mark.parametrize(
    ("pixel", "expected"),
    [(0.0, [[3.5, 3.5, 11.5, 11.5], [0, -8, 32, 24]]), (1.0, [[4, 4, 11, 11], [0.5, -7.5, 31.5, 23.5]])],
)
def test_boxes_are_moved_and_stretched(pixel: float, expected: list[list[float]]) -> None:
    cells = np.array([[7.5, 7.5, 8, 8], [8, 8, 16, 16]], np.float32)
    deltas = np.array([[0, 0, 0, 0], [5, 0, np.log(2) / 0.2, np.log(2) / 0.2]], np.float32)
    boxes = anchors.decode_boxes(cells, deltas, variances=(0.1, 0.2), pixel=pixel)
    np.testing.assert_allclose(boxes, expected, atol=1e-4)
    assert boxes.dtype == np.float32


def test_points_are_placed() -> None:
    deltas = np.arange(10, dtype=np.float32)[None] / 10
    points = anchors.decode_points(np.array([[10, 20, 4, 8]], np.float32), deltas, variance=0.5)
    np.testing.assert_allclose(points[0, 1], [10 + 0.2 * 0.5 * 4, 20 + 0.3 * 0.5 * 8])
    assert points.shape == (1, 5, 2)


def test_distances_reach_from_the_centre() -> None:
    box = anchors.decode_distances(np.array([[10, 20]], np.float32), np.array([[1, 2, 3, 4]], np.float32))
    np.testing.assert_array_equal(box, [[9, 18, 13, 24]])


def plain_suppression(boxes: FloatArray, scores: FloatArray, threshold: float, pixel: float) -> list[int]:
    """The textbook's loops."""
    kept: list[int] = []
    for one in np.argsort(scores, kind="stable")[::-1].tolist():
        x1, y1, x2, y2 = boxes[one].astype(float)
        area = (x2 - x1 + pixel) * (y2 - y1 + pixel)
        for other in kept:
            a1, b1, a2, b2 = boxes[other].astype(float)
            common = max(0, min(x2, a2) - max(x1, a1) + pixel) * max(0, min(y2, b2) - max(y1, b1) + pixel)
            if common / (area + (a2 - a1 + pixel) * (b2 - b1 + pixel) - common) >= threshold:
                break
        else:
            kept.append(one)
    return kept


@pytest.mark.parametrize("pixel", [0.0, 1.0])
@pytest.mark.parametrize("threshold", [0.3, 0.4, 0.7])
def test_suppression_is_the_usual_one(threshold: float, pixel: float) -> None:
    random = np.random.default_rng(5)
    corner = random.uniform(0, 100, (300, 2))
    boxes = np.concatenate([corner, corner + random.uniform(5, 60, (300, 2))], axis=1).astype(np.float32)
    scores = random.random(300, dtype=np.float32)
    kept = anchors.suppress_greedily(boxes, scores, threshold, pixel=pixel)
    assert kept.tolist() == plain_suppression(boxes, scores, threshold, pixel)
    assert 1 < len(kept) < 300


def test_nothing_and_empty_boxes_are_bearable() -> None:
    assert anchors.suppress_greedily(np.empty((0, 4), np.float32), np.empty(0, np.float32), 0.5).tolist() == []
    flat = np.zeros((3, 4), np.float32)
    assert len(anchors.suppress_greedily(flat, np.ones(3, np.float32), 0.5)) == 3


def candidates(rows: list[tuple[int, list[float], float]]) -> Candidates:
    return Candidates(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float32),
        np.arange(len(rows) * 10, dtype=np.float32).reshape(-1, 5, 2),
        np.array([row[2] for row in rows], np.float32),
    )


def test_faces_go_to_their_pictures_best_first() -> None:
    found = candidates(
        [
            (1, [0, 0, 20, 20], 0.6),
            (0, [0, 0, 20, 20], 0.7),
            (1, [50, 0, 70, 30], 0.9),
            (1, [1, 0, 21, 20], 0.5),
            (1, [80, 80, 89, 99], 0.8),
        ]
    )
    faces = anchors.pick_faces(found, [(100, 100)] * 3, overlap=0.4, min_face_sizes=[5, 10, 5])
    assert [[face.confidence for face in mine] for mine in faces] == [
        [pytest.approx(0.7)],
        [pytest.approx(0.9), pytest.approx(0.6)],
        [],
    ]
    np.testing.assert_array_equal(faces[1][0].landmarks, found.points[2])


def test_boxes_are_compared_within_the_picture_and_returned_whole() -> None:
    found = candidates([(0, [-60, 10, 40, 50], 0.9), (0, [-5, 10, 40, 50], 0.8)])
    ((face,),) = anchors.pick_faces(found, [(100, 100)], overlap=0.9, min_face_sizes=[1])
    assert (face.box.x1, face.box.x2) == (-60, 40)
