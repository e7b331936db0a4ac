"""A comparison that several processes share."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.clustering.neighbours import NeighbourGraph, build, build_graph
from app.services import graph_shards
from app.services.context import Context, NoQueue
from app.services.graph_folder import ShardFolder
from app.services.graph_shards import graph_builder, help_compare, sharded_graph
from tests.unit.clustering.people import make_people


class Helpers(NoQueue):
    """Threads that do what workers do with a message."""

    def __init__(self) -> None:
        self.work: Callable[[str], int] = lambda name: 0
        self.done: list[int] = []
        self._threads: list[threading.Thread] = []

    def share(self, comparison: str, messages: int) -> None:
        for _ in range(messages):
            thread = threading.Thread(target=lambda: self.done.append(self.work(comparison)))
            thread.start()
            self._threads.append(thread)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return make_people(1500, 10, noise=0.08)[0].astype(np.float16)


@pytest.fixture(scope="module")
def whole(vectors: np.ndarray) -> NeighbourGraph:
    return build_graph(vectors, radius=0.4, k=8, exact=False)


def _same(one: NeighbourGraph, other: NeighbourGraph) -> bool:
    return (one.distances != other.distances).nnz == 0


def _leftovers(context: Context) -> list[Path]:
    return list(context.settings.temp_folder.glob("graph-*"))


def test_alone_it_is_the_graph_of_one_process(context: Context, vectors: np.ndarray, whole: NeighbourGraph) -> None:
    alone = replace(context, queue=NoQueue())
    assert _same(sharded_graph(alone, vectors, radius=0.4, k=8, shards=4), whole)
    assert _leftovers(context) == []


def test_with_helpers_too(context: Context, vectors: np.ndarray, whole: NeighbourGraph) -> None:
    queue = Helpers()
    shared = replace(context, queue=queue)
    queue.work = lambda name: help_compare(shared, name)
    assert _same(sharded_graph(shared, vectors, radius=0.4, k=8, shards=12, helpers=3), whole)
    queue.join()
    assert len(queue.done) >= 6
    assert _leftovers(context) == []


def test_a_helper_who_dies_costs_a_while_only(
    context: Context, vectors: np.ndarray, whole: NeighbourGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying(NoQueue):
        def share(self, comparison: str, messages: int) -> None:
            folder = ShardFolder(context.settings.temp_folder / comparison)
            number, _ = folder.last_phase() or (0, None)
            assert folder.claim(number, 1, 600.0)  # and never anything more

    monkeypatch.setattr(graph_shards, "STALE_SECONDS", 0.2)
    assert _same(sharded_graph(replace(context, queue=Dying()), vectors, radius=0.4, k=8, shards=4), whole)


def test_who_comes_too_late_finds_nothing_to_do(context: Context) -> None:
    assert help_compare(context, "graph-that-is-gone") == 0


def test_a_shard_is_taken_by_one_until_it_is_stale(tmp_path: Path) -> None:
    folder = ShardFolder(tmp_path)
    assert folder.claim(0, 3, 60.0)
    assert not folder.claim(0, 3, 60.0)
    assert folder.claim(1, 3, 60.0)
    os.utime(tmp_path / "taken-0-3", (time.time() - 100,) * 2)
    assert folder.claim(0, 3, 60.0)
    assert not folder.claim(0, 3, 60.0)


@pytest.mark.parametrize(("workers", "least", "shared"), [(3, 0, True), (1, 0, False), (3, 10_000, False)])
def test_only_very_large_libraries_are_shared_and_only_with_others(
    context: Context,
    vectors: np.ndarray,
    whole: NeighbourGraph,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    least: int,
    shared: bool,
) -> None:
    queue = Helpers()
    context = replace(context, queue=queue)
    queue.work = lambda name: help_compare(context, name)
    monkeypatch.setattr(graph_shards, "SHARED_NODES", least)
    monkeypatch.setattr(graph_shards, "count_workers", lambda _: workers)
    monkeypatch.setattr(build, "EXACT_NODES", 0)
    assert _same(graph_builder(context)(vectors, radius=0.4, k=8), whole)
    queue.join()
    assert bool(queue.done) == shared
