from __future__ import annotations

import numpy as np
import pytest

from app.vision.detectors.mtcnn_pyramid import plan
from app.vision.detectors.mtcnn_stages import (
    Hits,
    crop,
    find_hits,
    place_landmarks,
    probability,
    propose,
    refine,
)


def test_probability_is_the_softmax():
    logit = np.array([-200, -2, 0, 2, 14, 200], np.float32)
    expected = 1 / (1 + np.exp(-logit.astype(np.float64)))
    with np.errstate(over="raise"):
        np.testing.assert_allclose(probability(logit), expected, atol=1e-7)


STRIP = plan(640, 480, 12)[1]._replace(top=100)


def test_hits_are_the_windows_above_the_threshold():
    answers = np.zeros((5, 4, 6), np.float32)
    answers[4] = -5
    answers[4, 1, 3], answers[4, 2, 0] = 3, 0.5
    answers[:4, 1, 3] = (0.1, -0.2, 0.3, 0.4)
    hits = find_hits(answers, 0.6, STRIP, 50)
    assert hits.places.tolist() == [9, 12]
    assert hits.answers.tolist() == answers[:, [1, 2], [3, 0]].tolist()
    assert hits[2:] == (6, 2, 50, 100, STRIP.level.scale)
    assert len(find_hits(answers, 0.7, STRIP, 50).places) == 1
    none = find_hits(answers, 0.99, STRIP, 50)
    assert (none.answers.shape, none.places.shape) == ((5, 0), (0,))


def test_propose_places_windows_in_the_picture():
    answers = np.array([[0.1, -0.2, 0.3, 0.4, 3], [0, 0, 0, 0, 0.5], [0, 0, 0, 0, 0]], np.float32).T
    fine = Hits(answers[:, :2], np.array([9, 12]), columns=6, step=2, left=0, top=0, scale=0.5)
    none = fine._replace(answers=answers[:, :0], places=np.array([], np.int64))
    coarse = Hits(answers[:, 2:], np.array([3]), columns=2, step=4, left=30, top=20, scale=0.25)
    boxes, scores = propose([none, fine, none, coarse])
    # The first window goes from (7, 3) to (18, 14); shifted by 11 times the offsets; doubled.
    np.testing.assert_allclose(boxes[0], np.array([7 + 1.1, 3 - 2.2, 18 + 3.3, 14 + 4.4]) * 2, rtol=1e-6)
    np.testing.assert_allclose(boxes[1], np.array([1, 5, 12, 16]) * 2)
    np.testing.assert_allclose(boxes[2], np.array([35, 25, 46, 36]) * 4)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp([-3, -0.5, 0])), rtol=1e-6)
    assert [part.shape for part in propose([none])] == [(0, 4), (0,)]


def test_refine_moves_corners_by_the_size_plus_one():
    refined = refine(np.array([[10.0, 20.0, 29.0, 69.0]]), np.array([[0.1, -0.1, 0.2, 0.0]]))
    np.testing.assert_allclose(refined, [[12, 15, 33, 69]])


def test_landmarks_are_placed_in_the_box():
    fractions = np.array([[0, 1, 0.5, 0.25, 0.75, 0, 0, 0.5, 1, 1]])
    points = place_landmarks(np.array([[10.0, 20.0, 29.0, 59.0]]), fractions)
    np.testing.assert_allclose(points[0], [[9, 19], [29, 19], [19, 39], [14, 59], [24, 59]])


def reference_crop(pixels: np.ndarray, box: np.ndarray, side: int) -> np.ndarray:
    """What TensorFlow documents for crop_and_resize, one pixel after the other."""
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = box / [width, height, width, height]
    result = np.full((side, side, 3), 127.5)
    for row in range(side):
        y = y1 * (height - 1) + row * (y2 - y1) * (height - 1) / (side - 1)
        for column in range(side):
            x = x1 * (width - 1) + column * (x2 - x1) * (width - 1) / (side - 1)
            if not (0 <= y <= height - 1 and 0 <= x <= width - 1):
                continue
            top, left = int(np.floor(y)), int(np.floor(x))
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = pixels[top, left] + (pixels[top, right] - pixels[top, left]) * (x - left)
            lower = pixels[bottom, left] + (pixels[bottom, right] - pixels[bottom, left]) * (x - left)
            result[row, column] = upper + (lower - upper) * (y - top)
    return result


@pytest.mark.parametrize(
    "box",
    [
        (10.0, 8.0, 33.0, 31.0),
        (3.3, 2.7, 60.1, 59.5),
        (20.2, 20.4, 26.0, 26.2),
        (-8.5, -5.25, 30.0, 33.25),
        (40.0, 30.0, 95.5, 85.5),
        (-30.0, -40.0, 110.0, 100.0),
        (200.0, 200.0, 224.0, 224.0),
        (5.0, 5.0, 5.0, 5.0),
    ],
    ids=["same size", "shrink", "enlarge", "over the top left", "over the bottom right", "all over", "away", "empty"],
)
def test_crop(box):
    pixels = np.random.default_rng(2).integers(0, 256, (61, 83, 3)).astype(np.float32)
    crops = crop(pixels, np.array([box]), 24)
    assert crops.dtype == np.float32
    np.testing.assert_allclose(crops[0], reference_crop(pixels, np.array(box), 24), atol=0.02)


def test_more_crops_than_one_call_takes():
    pixels = np.random.default_rng(2).integers(0, 256, (61, 83, 3)).astype(np.float32)
    corners = np.random.default_rng(3).uniform(0, 40, (1500, 2))
    boxes = np.concatenate([corners, corners + 20], axis=1)
    crops = crop(pixels, boxes, 24)
    for index in (0, 1364, 1365, 1366, 1499):
        np.testing.assert_array_equal(crops[index], crop(pixels, boxes[[index]], 24)[0])
    assert crop(pixels, boxes[:0], 24).shape == (0, 24, 24, 3)
