"""What a track remembers of a face."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain import BoundingBox, FloatArray, Quality, QualityReason
from app.vision.tracking.looks import Looks
from app.vision.tracking.observations import Observation


def at(degrees: float) -> FloatArray:
    angle = np.radians(degrees)
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def seen(degrees: float, timestamp: float, *, usable: bool = True) -> Observation:
    quality = Quality(0.8, () if usable else (QualityReason.BLURRED,))
    return Observation(timestamp, round(timestamp * 100), BoundingBox(0, 0, 1, 1), at(degrees), quality, 0)


def looks(*faces: Observation, budget: int = 50) -> Looks:
    made = Looks(budget)
    for face in faces:
        made.add(face)
    return made


def far(made: Looks, degrees: float) -> float:
    return float(made.distances(at(degrees)[None])[0])


def between(degrees: float) -> float:
    return 1 - float(np.cos(np.radians(degrees)))


def test_the_last_face_counts_by_itself() -> None:
    made = looks(seen(0, 0), seen(0, 1), seen(0, 2), seen(40, 2.05))
    assert far(made, 40) == pytest.approx(0, abs=1e-6)


def test_one_look_of_many_does_not_count_by_itself() -> None:
    made = looks(seen(40, 0), *(seen(0, i) for i in range(1, 8)))
    assert far(made, 40) == pytest.approx(between(40) * 3 / 4, abs=1e-6)


def test_the_nearer_half_of_the_looks_counts() -> None:
    made = looks(*(seen(0 if i % 2 else 60, i) for i in range(10)), seen(30, 10))
    assert far(made, 60) < between(60) / 4


def test_looks_in_quick_succession_are_one() -> None:
    made = looks(*(seen(40, 0.04 * i) for i in range(5)), seen(0, 1), seen(0, 2))
    assert far(made, 0) == pytest.approx(0, abs=1e-6)
    assert far(made, 40) == pytest.approx(between(40) / 2, abs=1e-6)


def test_the_oldest_are_given_up() -> None:
    made = looks(*(seen(80, i) for i in range(10)), *(seen(0, 10 + i) for i in range(3)), budget=3)
    assert far(made, 80) == pytest.approx(between(80), abs=1e-6)
    assert far(looks(seen(0, 0), seen(0, 1), budget=1), 0) == pytest.approx(0, abs=1e-6)


def test_poor_faces_are_forgotten_once_there_is_a_usable_one() -> None:
    made = looks(seen(70, 0, usable=False), seen(70, 1, usable=False), seen(0, 2), seen(0, 3))
    assert far(made, 70) == pytest.approx(between(70), abs=1e-6)
    after = looks(seen(0, 0), seen(70, 1, usable=False), seen(0, 2))
    assert far(after, 70) == pytest.approx(between(70), abs=1e-6)


def test_a_track_without_a_face_looks_like_nobody() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Looks(5).distances(at(0)[None])
