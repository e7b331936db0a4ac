"""The neighbour graph on which every grouping works; there is never a dense n x n matrix.

Exact search (FAISS inner product) gives each node its ``k`` nearest neighbours within a radius. A plain k-nearest
graph has one weakness here: a person who was filmed much more than ``k`` times from the same chair has nodes whose
``k`` neighbours are all near-copies of themselves, so that person falls apart into islands without an edge between.
Nodes whose list is full ("saturated") are therefore searched again among every 16th node, every 256th node and so on,
until a level fits into ``k``. An island would have to be larger than the last level to stay cut off; the cost is
1/16 + 1/256 + ... of the first search, and the edges stay below ``k`` per node and level.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import faiss
import numpy as np
from scipy.sparse import csr_matrix

from app.domain import FloatArray, IntArray

LEVEL_STEP = 16
CHUNK_ROWS = 8192
# SciPy drops explicit zeros in many places, and an edge between two equal vectors must not vanish.
SMALLEST_DISTANCE = np.float32(1e-7)


@dataclass(frozen=True, slots=True)
class NeighbourGraph:
    """Sparse cosine distances between near nodes.

    Attributes:
        distances: ``float32`` CSR (n, n), symmetric, no diagonal, all values in (0, radius].
        complete: True when every pair within the radius is an edge; False when ``k`` cut lists short.
    """

    distances: csr_matrix
    complete: bool

    @property
    def nodes(self) -> int:
        """Number of nodes, those without neighbours included."""
        return int(self.distances.shape[0])

    def edges(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Each edge once: lower node, higher node, distance; sorted by lower, then higher node."""
        coo = self.distances.tocoo()
        upper = coo.row < coo.col
        return coo.row[upper].astype(np.int64), coo.col[upper].astype(np.int64), coo.data[upper]


@dataclass(frozen=True, slots=True)
class _Hits:
    """Directed edges found by one search, and which rows had their list full."""

    rows: IntArray
    columns: IntArray
    distances: FloatArray
    full: IntArray


def build_graph(embeddings: FloatArray, *, radius: float, k: int = 64) -> NeighbourGraph:
    """Links each node with its nearest neighbours.

    Args:
        embeddings: ``float32`` (n, d), rows no longer than 1.
        radius: Largest distance ``1 - a.b`` of an edge, 0..2.
        k: Neighbours per node and level.

    Returns:
        The graph; an edge exists in both directions when either end listed the other.
    """
    vectors = np.ascontiguousarray(embeddings, dtype=np.float32)
    count = len(vectors)
    if count < 2:
        return NeighbourGraph(csr_matrix((count, count), dtype=np.float32), complete=True)
    everyone = np.arange(count, dtype=np.int64)
    with _faiss_threads(_usable_cores()):
        found = [_search(vectors, everyone, everyone, radius, k)]
        crowded, step = found[0].full, LEVEL_STEP
        while len(crowded) and count // step >= 1 and count // (step // LEVEL_STEP) > k:
            found.append(_search(vectors, crowded, everyone[::step], radius, k))
            step *= LEVEL_STEP
    return NeighbourGraph(_symmetric(found, count), complete=not len(crowded))


def _search(vectors: FloatArray, rows: IntArray, among: IntArray, radius: float, k: int) -> _Hits:
    """Finds up to ``k`` neighbours of each of ``rows`` among the nodes ``among``, within ``radius``."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors[among])
    wanted = min(k + 1, len(among))  # one more: most rows find themselves
    parts, full = [], []
    for part in _chunks(rows):
        similarity, place = index.search(vectors[part], wanted)
        distance = np.maximum(np.float32(1.0) - similarity, SMALLEST_DISTANCE)
        column = among[place]
        near = (distance <= radius) & (column != part[:, None])
        row, slot = np.nonzero(near)
        parts.append((part[row], column[row, slot], distance[row, slot]))
        if wanted < len(among):
            full.append(part[distance[:, -1] <= radius])
    row_ids, columns, distances = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Hits(row_ids, columns, distances, np.concatenate(full) if full else np.empty(0, np.int64))


def _symmetric(found: list[_Hits], count: int) -> csr_matrix:
    """Joins directed edges into one symmetric matrix; of an edge found several times the smallest value stays."""
    rows = np.concatenate([hits.rows for hits in found])
    columns = np.concatenate([hits.columns for hits in found])
    distances = np.concatenate([hits.distances for hits in found])
    key = np.minimum(rows, columns) * count + np.maximum(rows, columns)
    order = np.lexsort((distances, key))
    key, distances = key[order], distances[order]
    first = np.ones(len(key), dtype=bool)
    first[1:] = key[1:] != key[:-1]
    low, high = np.divmod(key[first], count)
    data = distances[first]
    both = (np.concatenate([data, data]), (np.concatenate([low, high]), np.concatenate([high, low])))
    matrix = csr_matrix(both, shape=(count, count), dtype=np.float32)
    matrix.sort_indices()
    return matrix


def _chunks(rows: IntArray) -> Iterator[IntArray]:
    for start in range(0, len(rows), CHUNK_ROWS):
        yield rows[start : start + CHUNK_ROWS]


def _usable_cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


@contextmanager
def _faiss_threads(count: int) -> Iterator[None]:
    """Sets FAISS's number of threads for one search and puts the old one back; it is global to the process."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
