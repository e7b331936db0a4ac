"""The graph itself, and how directed finds become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from app.domain import FloatArray, IntArray

Numbers = npt.NDArray[np.int32]


class Edges(NamedTuple):
    """Directed edges: who found whom.

    Attributes:
        rows: ``int32`` (e,) the node that searched.
        columns: ``int32`` (e,) what it found.
        distances: ``float32`` (e,), above 0.
    """

    rows: Numbers
    columns: Numbers
    distances: FloatArray


@dataclass(frozen=True, slots=True)
class NeighbourGraph:
    """Sparse cosine distances between near nodes.

    Attributes:
        distances: ``float32`` CSR (n, n), symmetric, no diagonal, all values in (0, radius].
        complete: True when every pair within the radius is an edge; False when ``k`` cut lists short, or when not
            every pair was looked at.
    """

    distances: csr_matrix
    complete: bool

    @property
    def nodes(self) -> int:
        """Number of nodes, those without neighbours included."""
        return int(self.distances.shape[0])

    def edges(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Each edge once: lower node, higher node, distance; sorted by lower, then higher node."""
        rows = np.repeat(np.arange(self.nodes, dtype=np.int32), np.diff(self.distances.indptr))
        upper = rows < self.distances.indices
        low, high = rows[upper].astype(np.int64), self.distances.indices[upper].astype(np.int64)
        return low, high, self.distances.data[upper]


def symmetric(found: Sequence[Edges], count: int) -> csr_matrix:
    """Joins directed edges into one symmetric matrix; where an edge was found several times the largest value stays.

    Args:
        found: The edges.
        count: Number of nodes.

    Returns:
        ``float32`` CSR (count, count) with sorted indices.
    """
    if not found:
        return csr_matrix((count, count), dtype=np.float32)
    rows, columns, distances = (np.concatenate(column) for column in zip(*found, strict=True))
    # Where only one of two matrices has an entry, SciPy compares it with 0: so minima of negative numbers.
    one_way = csr_matrix((-distances, (rows, columns)), shape=(count, count), dtype=np.float32)
    del rows, columns, distances
    one_way = _each_once(one_way)
    other_way = one_way.T.tocsr()
    both = one_way.minimum(other_way)
    del one_way, other_way
    np.negative(both.data, out=both.data)
    both.sort_indices()
    return both


def _each_once(matrix: csr_matrix) -> csr_matrix:
    """Keeps one of several equal entries; they may differ in the last bit, so they cannot be added up."""
    matrix.sort_indices()
    indices, indptr = matrix.indices, matrix.indptr
    again = np.zeros(len(indices), dtype=bool)
    again[1:] = indices[1:] == indices[:-1]
    starts = indptr[:-1]
    again[starts[starts < len(indices)]] = False
    if not again.any():
        return matrix
    first = np.flatnonzero(~again)
    data = np.minimum.reduceat(matrix.data, first)
    before = np.concatenate([[0], np.cumsum(~again)])
    return csr_matrix((data, indices[first], before[indptr]), shape=matrix.shape)
