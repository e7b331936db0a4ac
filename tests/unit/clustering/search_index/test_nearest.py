"""The nearest vectors, against comparing with all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.clustering.search_index import Codes, ShortCodes, Vectors, merged
from app.clustering.search_index.nearest import FEW_ROWS
from app.domain import FloatArray

COUNT, DIMENSION = FEW_ROWS + 8_000, 64


def made_up(count: int, seed: int = 0) -> FloatArray:
    """People with faces that lie together, and a part that all faces share, as real ones have it."""
    random = np.random.default_rng(seed)
    people = random.standard_normal((count // 40 + 1, DIMENSION))
    faces = people[random.integers(0, len(people), count)] + 0.7 * random.standard_normal((count, DIMENSION)) + 1.0
    return (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def values() -> FloatArray:
    return made_up(COUNT)


@pytest.fixture(scope="module")
def vectors(values: FloatArray, tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    folder = tmp_path_factory.mktemp("codes")
    Codes.build(values, folder / "full")
    ShortCodes.build(values, folder / "short")
    return Vectors(values, Codes.open(folder / "full"), ShortCodes.open(folder / "short"))


def exact(values: FloatArray, query: FloatArray, k: int, allowed: np.ndarray | None = None) -> list[int]:
    similarities = values @ query
    if allowed is not None:
        similarities[~allowed] = -2
    return np.argsort(-similarities, kind="stable")[:k].tolist()


@pytest.mark.parametrize("k", [1, 50, 700])
def test_the_nearest_are_found_whatever_the_codes_leave_out(vectors: Vectors, values: FloatArray, k: int) -> None:
    for query in made_up(12, seed=1):
        near = vectors.nearest(query, k)
        # by similarity: of two that differ in the last bit either may be the first
        assert near.similarities == pytest.approx(np.sort(values @ query)[::-1][:k], abs=1e-6)
        assert near.similarities == pytest.approx(values[near.rows] @ query, abs=1e-6)
        assert len(set(near.rows.tolist())) == k


def test_no_similarity_is_off_by_more_than_is_said(vectors: Vectors, values: FloatArray) -> None:
    assert vectors.codes is not None
    for query in [*made_up(3, seed=2), values[7]]:
        rows, seeming, error = vectors.codes.search(query, COUNT)
        assert sorted(rows) == list(range(COUNT))
        assert np.abs(seeming - values[rows] @ query).max() <= error < 0.03


def test_codes_that_are_far_off_only_cost_time(vectors: Vectors, values: FloatArray, tmp_path: Path) -> None:
    """Many equal vectors: all candidates are within the error of each other."""
    crowd = np.concatenate([values, np.repeat(values[:1], 3_000, axis=0)])
    Codes.build(crowd, tmp_path / "full")
    near = Vectors(crowd, Codes.open(tmp_path / "full")).nearest(values[0], 20)
    assert near.rows.tolist() == exact(crowd, values[0], 20)


@pytest.mark.parametrize("share", [0.9, 0.05, 0.0])
def test_only_what_is_allowed_is_found(vectors: Vectors, values: FloatArray, share: float) -> None:
    allowed = np.random.default_rng(3).random(COUNT) < share
    wanted = min(50, int(allowed.sum()))
    for approximate in (False, True):
        near = vectors.nearest(values[5], 50, allowed=allowed, approximate=approximate)
        assert allowed[near.rows].all()
        if not approximate:
            assert near.rows.tolist() == exact(values, values[5], wanted, allowed)


def test_an_approximate_search_finds_nearly_all(vectors: Vectors, values: FloatArray) -> None:
    shares = []
    for query in values[:20]:
        found = vectors.nearest(query, 20, approximate=True).rows
        shares.append(len(set(found.tolist()) & set(exact(values, query, 20))) / 20)
    assert np.mean(shares) > 0.95


def test_a_small_set_needs_no_codes(values: FloatArray) -> None:
    few = values[:300]
    assert Vectors(few).nearest(values[0], 5).rows.tolist() == exact(few, values[0], 5)
    assert Vectors(few).nearest(values[0], 999).rows.tolist() == exact(few, values[0], 300)
    assert len(Vectors(few[:0]).nearest(values[0], 5).rows) == 0


def test_finds_of_several_sets_are_joined_by_similarity(values: FloatArray) -> None:
    first, second = Vectors(values[:100]), Vectors(values[100:200])
    ids = np.arange(1000, 1200)
    query = values[50]
    near = merged([(first.nearest(query, 9), ids[:100]), (second.nearest(query, 9), ids[100:])], 9)
    assert near.rows.tolist() == [1000 + row for row in exact(values[:200], query, 9)]
