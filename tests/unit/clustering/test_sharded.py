"""Shards find what one process finds."""

from __future__ import annotations

import numpy as np
import pytest

from app.clustering import sharded
from app.clustering.neighbours import build_graph
from app.clustering.neighbours.build import search_lists, share_out
from app.clustering.neighbours.graph import symmetric
from tests.unit.clustering.people import make_people


@pytest.mark.parametrize("shards", [1, 3, 7, 10_000])
def test_shards_hold_every_list_once(shards: int) -> None:
    scan = share_out(make_people(1000, 30, noise=0.1)[0], radius=0.4, k=8)
    parts = sharded.cut(scan, shards)
    assert [number for lists in parts for number in lists] == list(range(len(scan.members)))
    assert len(parts) <= shards
    assert all(parts)


def test_the_union_of_shards_is_the_graph_of_one_process() -> None:
    vectors, _ = make_people(2000, 12, noise=0.08)
    scan = share_out(vectors, radius=0.4, k=8)
    parts = sharded.cut(scan, 5)
    found = search_lists(scan, lambda phase: [sharded.look(scan, lists, phase) for lists in parts])
    whole = build_graph(vectors, radius=0.4, k=8, exact=False).distances
    union = symmetric(found, len(vectors))
    assert np.array_equal(whole.indptr, union.indptr)
    assert np.array_equal(whole.indices, union.indices)
    assert np.array_equal(whole.data, union.data)
