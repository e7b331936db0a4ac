"""Poor faces join people, and never decide who is who."""

from __future__ import annotations

import numpy as np
import pytest

from app.clustering import attach
from tests.unit.clustering.people import unit


def circle(*degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return unit(np.column_stack([np.cos(angle), np.sin(angle)]))


# people at 0..2 and 60..62 degrees; (stray's angle, threshold, margin, label)
CASES = {
    "near": (5, 0.1, 0.0, 0),
    "near the other": (55, 0.1, 0.0, 1),
    "too far": (30, 0.05, 0.0, -1),
    "between, without margin": (30, 0.3, 0.0, 0),
    "between, with margin": (30, 0.3, 0.05, -1),
    "nearer to one, with margin": (15, 0.3, 0.05, 0),
}


@pytest.mark.parametrize(("angle", "threshold", "margin", "label"), CASES.values(), ids=CASES.keys())
def test_a_stray_joins_whom_it_is_clearly_nearest_to(angle: float, threshold: float, margin: float, label: int) -> None:
    vectors = circle(0, 2, 60, 62, angle)
    labels = np.array([0, 0, 1, 1, -1])
    assert attach(vectors, labels, threshold=threshold, margin=margin).tolist() == [0, 0, 1, 1, label]


def test_the_distance_is_the_mean_over_members() -> None:
    # members at 0 and 40 degrees, stray in the middle: mean distance 1 - cos(20) = 0.0603, the mean's direction is 0 away
    vectors, labels = circle(0, 40, 20), np.array([0, 0, -1])
    assert attach(vectors, labels, threshold=0.060).tolist() == [0, 0, -1]
    assert attach(vectors, labels, threshold=0.061).tolist() == [0, 0, 0]


def test_strays_do_not_pull_each_other_along() -> None:
    vectors = circle(0, 8, 16, 24)
    assert attach(vectors, np.array([0, -1, -1, -1]), threshold=0.02).tolist() == [0, 0, -1, -1]


def test_rules_hold_against_members_and_between_strays() -> None:
    vectors = circle(0, 60, 3, 4, 1)
    labels = np.array([0, 1, -1, -1, -1])
    found = attach(vectors, labels, threshold=0.1, cannot_link=[(0, 2), (4, 3)])
    # 2 shared a frame with the person; 4 and 3 shared one with each other, and 4 is nearer
    assert found.tolist() == [0, 1, -1, -1, 0]


def test_only_candidates_move() -> None:
    vectors, labels = circle(0, 1, 2), np.array([0, -1, -1])
    assert attach(vectors, labels, threshold=0.1, candidates=np.array([0, 2])).tolist() == [0, -1, 0]


@pytest.mark.parametrize("labels", [[-1, -1], [0, 1]], ids=["no person", "no stray"])
def test_nothing_to_do(labels: list[int]) -> None:
    assert attach(circle(0, 1), np.array(labels), threshold=0.5).tolist() == labels


def test_gaps_in_labels_are_fine_and_the_input_stays() -> None:
    labels = np.array([7, -1, 3])
    assert attach(circle(0, 1, 60), labels, threshold=0.1).tolist() == [7, 7, 3]
    assert labels.tolist() == [7, -1, 3]
