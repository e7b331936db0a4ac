"""Four Celery workers compare a library of 200,000 faces; the people are those of a single process."""

from __future__ import annotations

import re
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from app.clustering.agglomerative import average_linkage
from app.clustering.density import dbscan
from app.clustering.neighbours import NeighbourGraph, build_graph
from app.domain import FloatArray, IntArray
from app.services.context import Context, build_context
from app.services.graph_shards import sharded_graph
from app.tasks.celery_app import make_celery
from app.tasks.queue import CeleryQueue
from tests.e2e.workers import Worker
from tests.library import make_context
from tools.synthetic import make_library

WORKERS = ("worker1", "worker2", "worker3", "worker4")
FACES = 200_000
SHARDS = 24
RADIUS = 0.5
DEADLINE_SECONDS = 120.0

pytestmark = pytest.mark.slow


@pytest.fixture
def context(tmp_path: Path) -> Context:
    made = make_context(tmp_path)
    return build_context(made.settings, CeleryQueue(make_celery(made.settings)))


def _logs(context: Context) -> list[str]:
    folder = context.settings.faaaaaces_data
    return [(folder / f"{name}.log").read_text(encoding="utf-8", errors="replace") for name in WORKERS]


def _wait_until_ready(context: Context) -> None:
    pause, until = threading.Event(), time.monotonic() + DEADLINE_SECONDS
    while not all(" ready" in log for log in _logs(context)):
        assert time.monotonic() < until, _logs(context)
        pause.wait(0.1)  # nothing tells of it but the log


def _people(vectors: FloatArray, graph: NeighbourGraph) -> list[IntArray]:
    weights, nothing = np.ones(len(vectors), np.float32), np.empty((0, 2), np.int64)
    linkage = average_linkage(vectors, weights, graph, threshold=RADIUS, cannot_link=nothing)
    return [dbscan(graph.distances, min_samples=1), linkage]


def test_four_workers_find_the_people_of_one_process(context: Context) -> None:
    library = make_library(FACES, seed=3, noise=0.0)
    vectors = np.concatenate([piece.astype(np.float16) for piece in library.pieces()])
    with ExitStack() as stack:
        for name in WORKERS:
            stack.enter_context(Worker(context, name, ("--pool=solo", "--queues=cluster")))
        _wait_until_ready(context)
        shared = sharded_graph(context, vectors, radius=RADIUS, k=32, shards=SHARDS, helpers=len(WORKERS))
    helped = [re.findall(r"helped to compare.*shards\W+[1-9]", log) for log in _logs(context)]
    assert all(helped), helped
    alone = build_graph(vectors, radius=RADIUS, k=32, exact=False)
    assert (shared.distances != alone.distances).nnz == 0
    for one, other in zip(_people(vectors, shared), _people(vectors, alone), strict=True):
        assert np.array_equal(one, other)
