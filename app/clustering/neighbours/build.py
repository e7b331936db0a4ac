"""Builds the neighbour graph of a whole library: exact below 50,000 nodes, over inverted lists above."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np

from app.clustering.neighbours.blocks import Floats, on_all_cores
from app.clustering.neighbours.graph import Edges, NeighbourGraph, Numbers, symmetric
from app.clustering.neighbours.quantiser import list_count, nearest_lists, train
from app.clustering.neighbours.scan import LEVEL_STEP, Found, Phase, Ragged, Scan, compare, joined
from app.domain import FloatArray

EXACT_NODES = 50_000
PROBES = 8
CHUNK_ROWS = 2048

Run = Callable[[Phase], Iterable[Found]]


class GraphBuilder(Protocol):
    """Builds the neighbour graph of a library, as :func:`build_graph` does."""

    def __call__(self, embeddings: Floats, /, *, radius: float, k: int) -> NeighbourGraph:
        """See :func:`build_graph`."""


def build_graph(embeddings: Floats, *, radius: float, k: int = 64, exact: bool | None = None) -> NeighbourGraph:
    """Links each node with its nearest neighbours.

    Args:
        embeddings: ``float32`` or ``float16`` (n, d), rows no longer than 1. ``float16`` takes half the memory and is
            exact to about 0.0002 in distance.
        radius: Largest distance ``1 - a.b`` of an edge, 0..2.
        k: Neighbours per node and comparison.
        exact: Whether every pair is looked at; by default below :data:`EXACT_NODES` nodes.

    Returns:
        The graph; an edge exists in both directions when either end listed the other.
    """
    count = len(embeddings)
    if count < EXACT_NODES if exact is None else exact:
        edges, complete = _search_all(np.ascontiguousarray(embeddings, dtype=np.float32), radius, k)
        return NeighbourGraph(symmetric(edges, count), complete=complete)
    return NeighbourGraph(symmetric(search_lists(share_out(embeddings, radius=radius, k=k)), count), complete=False)


def share_out(embeddings: Floats, *, radius: float, k: int, probes: int = PROBES) -> Scan:
    """Trains the coarse quantiser and puts each node into its lists.

    Args:
        embeddings: ``float16`` or ``float32`` (n, d), n > 0.
        radius: Largest distance of an edge.
        k: Neighbours per node and comparison.
        probes: Lists that each node looks into, its own included.

    Returns:
        What is to be compared.
    """
    lists = list_count(len(embeddings))
    numbers, _ = nearest_lists(embeddings, train(embeddings, lists), min(probes, lists))
    nodes = np.arange(len(embeddings), dtype=np.int32)
    visits = np.repeat(nodes, numbers.shape[1] - 1)
    return Scan(
        embeddings,
        Ragged.by_list(nodes, numbers[:, 0], lists),
        Ragged.by_list(visits, numbers[:, 1:].ravel(), lists),
        radius,
        k,
    )


def search_lists(scan: Scan, run: Run | None = None) -> list[Edges]:
    """Compares all lists of a scan.

    Args:
        scan: What is to be compared.
        run: Looks at all lists, for one phase; by default on all cores of this process.

    Returns:
        The edges of each list and phase, in the order in which ``run`` gives them.
    """
    if run is None:
        run = _run_here(scan)
    count = len(scan.vectors)
    found, phase = [], Phase(0, np.full(count, scan.least, np.float32), np.zeros(count, dtype=bool))
    while True:
        # A phase is looked at while its results come in, so they go into arrays of their own
        floors, cut = phase.floors.copy(), np.zeros(count, dtype=bool)
        for part in run(phase):
            found.append(part.edges)
            cut[part.nodes[part.cut]] = True
            if phase.step == 0:
                floors[part.nodes] = part.floors
        if phase.step == 0:
            phase = Phase(1, floors, cut)
            continue
        if phase.step == 1:
            cut |= phase.cut
        if not cut.any() or scan.largest // phase.step <= scan.k:
            return [edges for edges in found if len(edges.rows)]
        phase = Phase(phase.step * LEVEL_STEP, floors, cut)


def _run_here(scan: Scan) -> Run:
    def run(phase: Phase) -> Iterator[Found]:
        return on_all_cores(lambda number: scan.look(number, phase), range(len(scan.members)))

    return run


def _search_all(vectors: FloatArray, radius: float, k: int) -> tuple[list[Edges], bool]:
    """Compares every node with every other one; tells too whether no list was cut at ``k``."""
    everyone = np.arange(len(vectors), dtype=np.int32)
    nodes, step, found, complete = everyone, 1, [], True
    floors = np.full(len(vectors), 1.0 - radius, np.float32)
    while len(nodes):
        among = everyone[::step]
        candidates = vectors[among] if step > 1 else vectors

        def look(rows: Numbers, among: Numbers = among, candidates: FloatArray = candidates) -> Found:
            return compare(vectors[rows], rows, candidates, among, floors[rows], k)

        part = joined(list(on_all_cores(look, np.split(nodes, range(CHUNK_ROWS, len(nodes), CHUNK_ROWS)))))
        found.append(part.edges)
        nodes, complete = part.nodes[part.cut], complete and not part.cut.any()
        if len(vectors) // step <= k:
            break
        step *= LEVEL_STEP
    return [edges for edges in found if len(edges.rows)], complete
