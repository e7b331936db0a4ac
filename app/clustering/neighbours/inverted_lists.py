"""Nodes that come and go, in inverted lists: adding some costs what looking at some lists costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from app.clustering.neighbours import build
from app.clustering.neighbours.blocks import Floats, as_distances, near_pairs, on_all_cores
from app.clustering.neighbours.quantiser import list_count, nearest_lists, train
from app.domain import FloatArray, IntArray

# Lists are made anew when there are so many times as many nodes as there were
GROWTH = 4


class Hits(NamedTuple):
    """What a search found, by query, nearest first; equals by number.

    Attributes:
        rows: ``int64`` (h,) the query.
        ids: ``int64`` (h,) the node.
        distances: ``float32`` (h,) cosine distances, above 0.
    """

    rows: IntArray
    ids: IntArray
    distances: FloatArray


class InvertedLists:
    """An index of nodes by where they lie; one list, so exact, below 50,000 nodes.

    It keeps vectors as they are given: with ``float16`` a million of 512 numbers take 1 GiB, and distances are exact
    to about 0.0002. Not for several threads at once.
    """

    def __init__(self, vectors: Floats, probes: int = build.PROBES) -> None:
        """Builds it; node ``i`` is row ``i``.

        Args:
            vectors: ``float16`` or ``float32`` (n, d), rows no longer than 1. Kept, not copied: it may be a memory map.
            probes: Lists that are looked into.
        """
        self._base = vectors
        self._extra = np.empty((0, vectors.shape[1]), dtype=vectors.dtype)
        self._size = len(vectors)
        self._alive = np.ones(len(vectors), dtype=bool)
        self._probes = probes
        self._make_lists()

    @classmethod
    def build(cls, vectors: Floats) -> InvertedLists:
        """The same as the constructor, with as many probes as the graph has."""
        return cls(vectors)

    def __len__(self) -> int:
        """Nodes that are there, without removed ones."""
        return int(np.count_nonzero(self._alive[: self._size]))

    @property
    def lists(self) -> int:
        """Number of lists."""
        return len(self._members)

    def add(self, vectors: Floats) -> IntArray:
        """Adds nodes.

        Args:
            vectors: Floats (m, d).

        Returns:
            Their numbers, ``int64`` (m,): they go on where the last ended, and are never given again.
        """
        ids = np.arange(self._size, self._size + len(vectors), dtype=np.int64)
        self._grow(len(vectors))
        self._extra[ids - len(self._base)] = vectors
        self._alive[ids] = True
        self._size += len(vectors)
        if self._size > self._planned:
            self._make_lists()
        else:
            self._put(ids)
        return ids

    def remove(self, ids: IntArray) -> None:
        """Removes nodes; those that are gone already do not matter."""
        there = ids[self._alive[ids]]
        self._alive[there] = False
        home = self._nearest(self._taken(there), 1)[:, 0] if self.lists > 1 else np.zeros(len(there), np.int32)
        for number in np.unique(home):
            members = self._members[number]
            self._members[number] = members[self._alive[members]]

    def search(self, queries: Floats, *, k: int, radius: float) -> Hits:
        """Finds the nearest nodes within a radius.

        Args:
            queries: ``float16`` or ``float32`` (m, d).
            k: Nodes for each query at most.
            radius: Largest distance, 0..2.

        Returns:
            What was found; a query that is a node itself finds itself, too.
        """
        if not len(queries) or not len(self):
            return Hits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
        asked = np.asarray(queries, dtype=np.float32)
        lists = self._nearest(asked, min(self._probes, self.lists))
        who = np.repeat(np.arange(len(asked)), lists.shape[1])
        order = np.argsort(lists.ravel(), kind="stable")
        numbers, starts = np.unique(lists.ravel()[order], return_index=True)
        groups = np.split(who[order], starts[1:])
        floors = np.full(len(asked), 1.0 - radius, np.float32)

        def look(place: int) -> Hits:
            members, rows = self._members[numbers[place]], groups[place]
            pairs = near_pairs(asked[rows], self._taken(members), floors[rows], k)
            return Hits(rows[pairs.rows], members[pairs.columns], as_distances(pairs.similarities))

        found = list(on_all_cores(look, range(len(numbers))))
        return _nearest_of_each(Hits(*(np.concatenate(column) for column in zip(*found, strict=True))), k)

    def _make_lists(self) -> None:
        ids = np.flatnonzero(self._alive[: self._size])
        count = list_count(len(ids)) if len(ids) >= build.EXACT_NODES else 1
        self._planned = max(build.EXACT_NODES, GROWTH * len(ids)) if count > 1 else build.EXACT_NODES
        self._members = [np.empty(0, np.int64) for _ in range(count)]
        if count > 1:
            sample = self._base if len(ids) == len(self._base) == self._size else self._taken(ids)
            self._centroids = train(sample, count)
        self._put(ids)

    def _put(self, ids: IntArray) -> None:
        """Puts nodes into their lists."""
        if self.lists == 1:
            self._members[0] = np.concatenate([self._members[0], ids])
            return
        step = 1 << 16
        homes = [self._nearest(self._taken(ids[i : i + step]), 1)[:, 0] for i in range(0, len(ids), step)]
        home = np.concatenate(homes) if homes else np.empty(0, np.int32)
        order = np.argsort(home, kind="stable")
        numbers, starts = np.unique(home[order], return_index=True)
        for number, new in zip(numbers, np.split(ids[order], starts[1:]), strict=True):
            self._members[number] = np.concatenate([self._members[number], new])

    def _nearest(self, vectors: FloatArray, probes: int) -> IntArray:
        if self.lists == 1:
            return np.zeros((len(vectors), 1), np.int64)
        return nearest_lists(vectors, self._centroids, probes)[0].astype(np.int64)

    def _taken(self, ids: IntArray) -> FloatArray:
        base = len(self._base)
        if not len(ids) or ids.max() < base:
            return self._base[ids].astype(np.float32, copy=False)
        result = np.empty((len(ids), self._base.shape[1]), dtype=np.float32)
        old = ids < base
        result[old] = self._base[ids[old]]
        result[~old] = self._extra[ids[~old] - base]
        return result

    def _grow(self, more: int) -> None:
        """Makes room; what was given at first is never copied."""
        needed = self._size + more
        if needed > len(self._alive):
            alive = np.zeros(max(needed, len(self._alive) + 1024, len(self._alive) * 5 // 4), dtype=bool)
            alive[: self._size] = self._alive[: self._size]
            self._alive = alive
        used, wanted = self._size - len(self._base), needed - len(self._base)
        if wanted > len(self._extra):
            extra = np.empty((max(wanted, 2 * len(self._extra)), self._extra.shape[1]), dtype=self._extra.dtype)
            extra[:used] = self._extra[:used]
            self._extra = extra


def _nearest_of_each(hits: Hits, k: int) -> Hits:
    """Sorts by query and distance, and keeps the ``k`` nearest of each query."""
    order = np.lexsort((hits.ids, hits.distances, hits.rows))
    rows, ids, distances = hits.rows[order], hits.ids[order], hits.distances[order]
    first = np.searchsorted(rows, rows)
    kept = np.arange(len(rows)) - first < k
    return Hits(rows[kept], ids[kept], distances[kept])
