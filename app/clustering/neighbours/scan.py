"""Compares list against list. Each call looks at one list and depends on no other call, so lists can be shared out.

Every node is at home in the list of its nearest centroid and visits those of the next nearest. First each list's
members are compared with each other; from that a node with more than ``k`` near members has the least similarity that
may still interest it (its floor). Then each list's members are compared with its visitors, above their floors.

A plain k-nearest graph has one weakness here: a person who was filmed much more than ``k`` times from the same chair has
nodes whose ``k`` neighbours are all near-copies of themselves, so that person falls apart into islands without an edge
between. Nodes whose neighbours were cut at ``k`` are therefore compared again with every 16th node, every 256th node
and so on, until a level fits into ``k``. An island would have to be larger than the last level to stay cut off; the
cost is 1/16 + 1/256 + ... of the first search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from app.clustering.neighbours.blocks import Floats, as_distances, near_pairs
from app.clustering.neighbours.graph import Edges, Numbers
from app.domain import FloatArray, IntArray

LEVEL_STEP = 16
# Nodes of one list that are compared at a time: bounds how much is copied out of the library
ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class Ragged:
    """Node numbers by list.

    Attributes:
        numbers: ``int32`` (all,) the nodes of list 0, of list 1 and so on, ascending within each.
        starts: ``int64`` (lists + 1,) where each list begins, and the end.
    """

    numbers: Numbers
    starts: IntArray

    @classmethod
    def by_list(cls, nodes: Numbers, lists: Numbers, count: int) -> Self:
        """Sorts nodes, which must be ascending, into ``count`` lists."""
        order = np.argsort(lists.astype(np.uint16) if count < 1 << 16 else lists, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(lists, minlength=count))])
        return cls(nodes[order], starts)

    def __getitem__(self, number: int) -> Numbers:
        return self.numbers[self.starts[number] : self.starts[number + 1]]

    def __len__(self) -> int:
        return len(self.starts) - 1


class Found(NamedTuple):
    """What the comparison of one list gave.

    Attributes:
        edges: The edges.
        nodes: ``int32`` (m,) the nodes that searched.
        floors: ``float32`` (m,) the least similarity that may still interest each of them.
        cut: ``bool`` (m,) which of them had more than ``k`` near nodes.
    """

    edges: Edges
    nodes: Numbers
    floors: FloatArray
    cut: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Phase:
    """What is compared at the moment.

    Attributes:
        step: 0: members with members; 1: visitors with members; more: both with every so-manieth member.
        floors: ``float32`` (n,) least similarity that interests each node, once members were compared.
        cut: ``bool`` (n,) nodes whose neighbours were cut at ``k`` before.
    """

    step: int
    floors: FloatArray
    cut: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scan:
    """Nodes and lists that are to be compared.

    Attributes:
        vectors: ``float16`` or ``float32`` (n, d); may be a memory map.
        members: The nodes at home in each list.
        visitors: The nodes that look into each list besides.
        radius: Largest distance of an edge.
        k: Neighbours for each node and comparison.
    """

    vectors: Floats
    members: Ragged
    visitors: Ragged
    radius: float
    k: int

    def look(self, number: int, phase: Phase) -> Found:
        """Compares one list with who comes to it in a phase."""
        members, visitors = self.members[number], self.visitors[number]
        if phase.step == 0:
            return self._compare(members, members, self._least(members), self.k)
        if phase.step == 1:
            # Who has k neighbours at home needs no more than a few of each list, to stay tied to it
            served, open_ = visitors[phase.cut[visitors]], visitors[~phase.cut[visitors]]
            few = self._compare(served, members, phase.floors[served], self.few)
            return joined([few, self._compare(open_, members, self._least(open_), self.k)])
        nodes = np.concatenate([members[phase.cut[members]], visitors[phase.cut[visitors]]])
        return self._compare(nodes, members[members % phase.step == 0], self._least(nodes), self.few)

    @property
    def few(self) -> int:
        """Neighbours in each further list for nodes that have enough at home."""
        return max(2, self.k // 16)

    @property
    def least(self) -> np.float32:
        """The least similarity of an edge."""
        return np.float32(1.0 - self.radius)

    @property
    def largest(self) -> int:
        """Members of the largest list."""
        return int(np.diff(self.members.starts).max(initial=0))

    def _compare(self, nodes: Numbers, among: Numbers, floors: FloatArray, k: int) -> Found:
        candidates = self._taken(among)
        parts = []
        for start in range(0, len(nodes), ROWS_AT_ONCE):
            part = nodes[start : start + ROWS_AT_ONCE]
            parts.append(compare(self._taken(part), part, candidates, among, floors[start : start + len(part)], k))
        return joined(parts)

    def _least(self, nodes: Numbers) -> FloatArray:
        return np.full(len(nodes), self.least, np.float32)

    def _taken(self, nodes: Numbers) -> FloatArray:
        return self.vectors[nodes].astype(np.float32, copy=False)


def compare(
    queries: FloatArray, nodes: Numbers, candidates: FloatArray, among: Numbers, floors: FloatArray, k: int
) -> Found:
    """Compares nodes with nodes.

    Args:
        queries: ``float32`` (m, d).
        nodes: ``int32`` (m,) their numbers.
        candidates: ``float32`` (c, d).
        among: ``int32`` (c,) their numbers, ascending. A node is not compared with itself.
        floors: ``float32`` (m,) least similarity that counts for each query.
        k: Neighbours at most.
    """
    pairs = near_pairs(queries, candidates, floors, k, _place(nodes, among))
    edges = Edges(nodes[pairs.rows], among[pairs.columns], as_distances(pairs.similarities))
    return Found(edges, nodes, pairs.floors, pairs.cut)


def _place(nodes: Numbers, among: Numbers) -> IntArray:
    """Where each node stands in ``among``, which is ascending; -1 where it does not."""
    if not len(among):
        return np.full(len(nodes), -1, np.int64)
    place = np.minimum(np.searchsorted(among, nodes), len(among) - 1)
    return np.where(among[place] == nodes, place, -1)


def joined(parts: list[Found]) -> Found:
    """Puts what several calls found into one."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        nobody = np.empty(0, np.int32)
        none = np.empty(0, np.float32)
        return Found(Edges(nobody, nobody, none), nobody, none, np.empty(0, bool))
    edges = Edges(*(np.concatenate(column) for column in zip(*(part.edges for part in parts), strict=True)))
    return Found(edges, *(np.concatenate(column) for column in zip(*(part[1:] for part in parts), strict=True)))
