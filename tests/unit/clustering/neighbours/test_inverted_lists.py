"""Nodes that come and go, against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from app.clustering.neighbours import Hits, InvertedLists, build
from tests.unit.clustering.people import make_people


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists from 500 nodes on, instead of 50,000."""
    monkeypatch.setattr(build, "EXACT_NODES", 500)


def brute_force(vectors: np.ndarray, ids: np.ndarray, queries: np.ndarray, k: int, radius: float) -> list[list[int]]:
    distances = 1.0 - queries.astype(float) @ vectors[ids].T.astype(float)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return [[int(ids[i]) for i in row if distances[n, i] <= radius] for n, row in enumerate(order)]


def by_query(hits: Hits, queries: int) -> list[list[int]]:
    return [hits.ids[hits.rows == row].tolist() for row in range(queries)]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_one_list_is_exact_while_nodes_come_and_go(dtype: type) -> None:
    vectors = make_people(400, 20, noise=0.1)[0].astype(dtype)
    lists = InvertedLists.build(vectors[:150])
    assert lists.add(vectors[150:160]).tolist() == list(range(150, 160))
    lists.add(vectors[160:])
    gone = np.arange(3, 400, 7)
    lists.remove(gone)
    lists.remove(gone[:2])
    stays = np.setdiff1d(np.arange(400), gone)
    assert len(lists) == len(stays)
    found = lists.search(vectors[:50], k=10, radius=0.5)
    assert by_query(found, 50) == brute_force(vectors, stays, vectors[:50], 10, 0.5)


@pytest.mark.usefixtures("small")
def test_many_lists_find_nearly_all_and_nothing_wrong() -> None:
    vectors, _ = make_people(3000, 200, noise=0.05, dimension=64)
    lists = InvertedLists.build(vectors[:2000])
    assert lists.lists > 1
    for start in range(2000, 3000, 250):
        lists.add(vectors[start : start + 250])
    gone = np.arange(0, 3000, 11)
    lists.remove(gone)
    stays = np.setdiff1d(np.arange(3000), gone)
    found = by_query(lists.search(vectors[:300], k=8, radius=0.3), 300)
    right = brute_force(vectors, stays, vectors[:300], 8, 0.3)
    shared = sum(len(set(one) & set(other)) for one, other in zip(found, right, strict=True))
    assert shared / sum(map(len, right)) > 0.99
    assert not set(gone.tolist()) & {node for row in found for node in row}


@pytest.mark.usefixtures("small")
def test_lists_are_made_anew_when_they_have_grown_a_lot() -> None:
    vectors, _ = make_people(2500, 100, noise=0.05, dimension=64)
    lists = InvertedLists.build(vectors[:400])
    assert lists.lists == 1
    lists.add(vectors[400:600])
    few = lists.lists
    assert few > 1
    lists.remove(np.array([5]))
    lists.add(vectors[600:2500])
    assert lists.lists > few
    found = lists.search(vectors[2000:2001], k=1, radius=0.1)
    assert found.ids.tolist() == [2000]
    assert 5 not in lists.search(vectors[5:6], k=100, radius=2.0).ids


def test_nothing_is_found_among_nothing() -> None:
    lists = InvertedLists.build(np.empty((0, 8), np.float32))
    assert len(lists.search(np.ones((2, 8), np.float32), k=3, radius=2.0).ids) == 0
    assert lists.add(np.eye(8, dtype=np.float32)).tolist() == list(range(8))
    assert len(lists.search(np.empty((0, 8), np.float32), k=3, radius=2.0).ids) == 0
    assert lists.search(np.eye(8, dtype=np.float32)[3:4], k=3, radius=0.5).ids.tolist() == [3]
