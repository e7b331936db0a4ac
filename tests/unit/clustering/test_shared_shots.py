"""The same footage against the same person: only the former has every face at the same offset."""

from __future__ import annotations

import numpy as np
import pytest

from app.clustering.shared_shots import TrackFaces, align

LIMIT = 0.05
SHAPE = np.array([[-1, -1], [1, -1], [0, 0], [-0.7, 1], [0.7, 1]], np.float32) * 20


def talking(seed: int, start: float = 0.0, count: int = 12, step: float = 0.5) -> TrackFaces:
    """Somebody who moves; each face is a little another one."""
    random = np.random.default_rng(seed)
    person = np.random.default_rng(99).standard_normal(64)
    person /= np.linalg.norm(person)
    vectors = person + 0.25 * random.standard_normal((count, 64)) / 8
    where = 200 + np.cumsum(random.normal(0, 12, (count, 1, 2)), axis=0)
    points = where + SHAPE * random.normal(1, 0.1, (count, 1, 1)) + random.normal(0, 2.5, (count, 5, 2))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return TrackFaces(start + step * np.arange(count), vectors.astype(np.float32), points.astype(np.float32))


def copied(
    track: TrackFaces, *, later: float = 0.0, scale: float = 1.0, shift: float = 0.0, cut: int = 0
) -> TrackFaces:
    """The same, compressed anew, scaled, moved, cut off at the beginning."""
    random = np.random.default_rng(5)
    vectors = track.vectors + 0.05 * random.standard_normal(track.vectors.shape) / 8
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    points = scale * track.points + shift + random.normal(0, 0.4, track.points.shape)
    whole = TrackFaces(track.times + later, vectors.astype(np.float32), points.astype(np.float32))
    return TrackFaces(*(column[cut:] for column in whole))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="compressed anew"),
        pytest.param({"later": 317.4}, id="in another place"),
        pytest.param({"scale": 0.5, "shift": 40.0}, id="scaled and framed"),
        pytest.param({"cut": 6, "later": -2.0}, id="cut off"),
        pytest.param({"cut": 11}, id="one face of it"),
    ],
)
def test_copies_are_found(change: dict[str, float]) -> None:
    track = talking(1)
    found = align(track, copied(track, **change), LIMIT)  # type: ignore[arg-type]
    assert found is not None
    assert found.offset == pytest.approx(change.get("later", 0.0), abs=0.01)
    assert len(found.rows) == 12 - change.get("cut", 0)


def test_the_same_person_at_another_time_is_no_copy() -> None:
    assert align(talking(1), talking(2), 0.2) is None
    assert align(talking(1), talking(2, count=1), 0.2) is None


def test_another_person_is_no_copy() -> None:
    track = talking(1)
    other = copied(track)
    assert align(track, other._replace(vectors=-other.vectors), LIMIT) is None


def test_points_that_say_nothing_prove_nothing() -> None:
    track = talking(1, count=3)
    flat = track._replace(points=np.zeros_like(track.points))
    assert align(flat, copied(track), LIMIT) is None
