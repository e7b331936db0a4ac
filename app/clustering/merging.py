"""Groups that are being merged: the state of average linkage (see :mod:`app.clustering.agglomerative` for why it works).

Made for millions of nodes on one machine:

* The linkage of two single nodes is the distance that the graph knows already, so the first round, which has the most
  edges, computes nothing; and only groups of several nodes have a sum of their own.
* Later, only edges at groups that have just been merged are worked out anew, on all cores.
* A group keeps its place while others are merged, so nothing that is large is ever copied.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.clustering.constraints import find_contradictions
from app.clustering.neighbours import NeighbourGraph
from app.clustering.neighbours.blocks import Floats, on_all_cores
from app.domain import FloatArray, IntArray

# Edges at a time for one core: both ends' vectors then fit into its cache
CHUNK_EDGES = 512
CHUNKS_AT_ONCE = 64
CHUNK_ROWS = 16_384
# How much farther than its nearest something may be that joins a group at the same time, and how much of the group's
# weight all that joins it may have
SLACK = 0.05
SHARE = 0.1


class Groups:
    """The groups of the moment: their sums, the edges that may still matter, and what is forbidden."""

    def __init__(self, vectors: Floats, weights: FloatArray, groups: IntArray, cannot_link: IntArray) -> None:
        """Starts from groups.

        Args:
            vectors: ``float16`` or ``float32`` (n, d), rows no longer than 1.
            weights: ``float32`` (n,), positive.
            groups: ``int64`` (n,) group of each node, 0, 1, ... without gaps.
            cannot_link: Pairs of nodes that never come into one group, ``int64`` (m, 2).

        Raises:
            ValueError: If the groups break a cannot-link rule.
        """
        if find_contradictions(groups, cannot_link):
            raise ValueError("the starting groups break a cannot-link rule")
        self._vectors, self._node_weights = vectors, weights
        self._node_labels = groups
        self._places = int(groups.max()) + 1 if len(groups) else 0
        self._weights = np.bincount(groups, weights=weights, minlength=self._places)
        self._single = np.bincount(groups, minlength=self._places) == 1
        self._merged_into = np.arange(self._places, dtype=np.int64)
        self._node = np.empty(self._places, dtype=np.int64)
        self._node[groups] = np.arange(len(groups))  # of single nodes; of others any
        # Rows that nobody writes into take no memory, so there may be one for each group
        self._sums = np.zeros((self._places + 1, vectors.shape[1]), dtype=np.float32)
        self._row = np.full(self._places, -1, dtype=np.int32)
        self._used = 0
        self._add_start_groups()
        self._forbidden = _each_once(self._keys(groups[cannot_link[:, 0]], groups[cannot_link[:, 1]]))
        self._unknown = np.empty(0, np.int64)
        self._forget_edges()

    @property
    def count(self) -> int:
        """Number of groups."""
        return int(np.count_nonzero(self._merged_into == np.arange(self._places)))

    @property
    def labels(self) -> IntArray:
        """``int64`` (n,) group of each node, numbered 0, 1, ..."""
        self._compact()
        return self._node_labels

    def set_edges(self, left: IntArray, right: IntArray) -> None:
        """Takes new candidate pairs of groups, ``int64`` (e,) as :attr:`labels` numbers them."""
        self._forget_edges()
        self._unknown = self._keys(left, right)

    def set_graph(self, graph: NeighbourGraph, groups: IntArray) -> None:
        """Takes the pairs of groups between which a graph of nodes has an edge.

        Args:
            graph: Its distances are the linkages of groups that are single nodes.
            groups: ``int64`` (n,) group of each node, as :attr:`labels` has them.
        """
        self._forget_edges()
        distances = graph.distances
        number = groups.astype(np.int32)
        left = np.repeat(number, np.diff(distances.indptr))
        upper = np.repeat(np.arange(graph.nodes, dtype=np.int32), np.diff(distances.indptr)) < distances.indices
        left, right, distance = left[upper], number[distances.indices[upper]], distances.data[upper]
        if not self._single.all():
            known = self._single[left] & self._single[right]
            self._unknown = self._keys(left[~known], right[~known])
            left, right, distance = left[known], right[known], distance[known]
        swapped = left > right
        left[swapped], right[swapped] = right[swapped], left[swapped]
        self._left, self._right, self._distance = left, right, distance
        if len(self._forbidden):
            self._keep(~self._is_forbidden(self._keys(left, right)))

    def _forget_edges(self) -> None:
        self._compact()
        self._left = self._right = np.empty(0, np.int32)
        self._distance = np.empty(0, np.float32)
        self._unknown = np.empty(0, np.int64)

    def mean_vectors(self) -> Floats:
        """Directions of the groups, (groups, d), unit length; as precise as the vectors."""
        self._compact()
        means = np.empty((self._places, self._vectors.shape[1]), dtype=self._vectors.dtype)
        for start in range(0, self._places, CHUNK_ROWS):
            part = self._sums_of(np.arange(start, min(start + CHUNK_ROWS, self._places)))
            length = np.linalg.norm(part, axis=1, keepdims=True)
            means[start : start + CHUNK_ROWS] = part / np.maximum(length, np.float32(1e-12))
        return means

    def merge_all(self, threshold: float, *, stars: bool = False) -> None:
        """Merges nearest groups until none that may be merged are within the threshold.

        Args:
            threshold: Largest mean distance.
            stars: Merge not only pairs that are each other's nearest, but into a large group also others that are
                nearly as near to it as its nearest, as long as they hardly change it. A group of a thousand nodes takes
                a thousand rounds otherwise; what comes out may differ at its edges (compare Dhulipala, Lee, Lacki and
                Mirrokni, "TeraHAC", 2023, who show the same for a slack of 10 %).
        """
        self._keep(self._distance <= threshold)
        while True:
            self._work_out(threshold)
            leaves, hubs = self._stars() if stars else self._mutual_pairs()
            if not len(leaves):
                return
            self._merge(leaves, hubs)

    def _work_out(self, threshold: float) -> None:
        """Works out unknown linkages, and forgets what is forbidden or too far."""
        keys = _each_once(self._unknown)
        self._unknown = np.empty(0, np.int64)
        if len(self._forbidden):
            keys = keys[~self._is_forbidden(keys)]
        if not len(keys):
            return
        left, right = np.divmod(keys, self._places)
        distance = self._linkage(left, right)
        near = distance <= threshold
        self._left = np.concatenate([self._left, left[near].astype(np.int32)])
        self._right = np.concatenate([self._right, right[near].astype(np.int32)])
        self._distance = np.concatenate([self._distance, distance[near]])

    def _linkage(self, left: IntArray, right: IntArray) -> FloatArray:
        """Mean distance of pairs of groups, ``float32`` (e,)."""
        weights = self._weights.astype(np.float32)
        result = np.empty(len(left), dtype=np.float32)

        def work(begin: int) -> None:
            for start in range(begin, min(begin + CHUNKS_AT_ONCE * CHUNK_EDGES, len(left)), CHUNK_EDGES):
                one, other = left[start : start + CHUNK_EDGES], right[start : start + CHUNK_EDGES]
                product = np.einsum("ij,ij->i", self._sums_of(one), self._sums_of(other))
                result[start : start + CHUNK_EDGES] = 1.0 - product / (weights[one] * weights[other])

        pieces = range(0, len(left), CHUNKS_AT_ONCE * CHUNK_EDGES)
        for _ in on_all_cores(work, pieces) if len(pieces) > 1 else map(work, pieces):
            pass
        return result

    def _nearest(self) -> tuple[IntArray, IntArray, FloatArray, IntArray]:
        """Finds the nearest edge of each group; edges are ranked in one order, by distance and then by number.

        Returns:
            Both ends and the distances of edges that are the nearest of either end, and the place of each group's
            nearest among these, -1 where it has none.
        """
        nearest = np.full(self._places, np.inf, dtype=np.float32)
        np.minimum.at(nearest, self._left, self._distance)
        np.minimum.at(nearest, self._right, self._distance)
        best = (self._distance == nearest[self._left]) | (self._distance == nearest[self._right])
        left, right, distance = self._left[best], self._right[best], self._distance[best]
        order = np.lexsort((left.astype(np.int64) * self._places + right, distance))[::-1]
        left, right, distance = left[order], right[order], distance[order]
        chosen = np.full(self._places, -1, dtype=np.int64)
        # The last writer wins, and edges come from far to near.
        chosen[np.column_stack([left, right]).ravel()] = np.repeat(np.arange(len(order)), 2)
        return left, right, distance, chosen

    def _mutual_pairs(self) -> tuple[IntArray, IntArray]:
        """Finds pairs that are each other's nearest; the nearest pair of all always is. Gives what joins, and whom."""
        left, right, _, chosen = self._nearest()
        mutual = (chosen[left] == np.arange(len(left))) & (chosen[right] == np.arange(len(left)))
        return right[mutual], left[mutual]

    def _stars(self) -> tuple[IntArray, IntArray]:
        """Finds groups that join a larger one, several at a time; gives what joins, and whom."""
        left, right, distance, chosen = self._nearest()
        who = np.flatnonzero(chosen >= 0)
        edge = chosen[who]
        hub = np.where(left[edge] == who, right[edge], left[edge])
        far = distance[edge]
        weights = self._weights
        lighter = (weights[who] < weights[hub]) | ((weights[who] == weights[hub]) & (who > hub))
        joins = lighter & (far <= distance[chosen[hub]] * np.float32(1 + SLACK))
        leaf = np.zeros(self._places, dtype=bool)
        leaf[who[joins]] = True
        joins &= ~leaf[hub]
        who, hub, far = who[joins], hub[joins], far[joins]
        order = np.lexsort((who, far, hub))
        who, hub = who[order], hub[order]
        first = np.flatnonzero(np.diff(hub, prepend=-1))
        start = np.repeat(first, np.diff(np.append(first, len(hub))))
        total = np.cumsum(weights[who])
        taken = (total - (total[start] - weights[who[start]])) <= SHARE * weights[hub]
        taken[first] = True
        return self._without_rivals(who[taken], hub[taken])

    def _without_rivals(self, leaves: IntArray, hubs: IntArray) -> tuple[IntArray, IntArray]:
        """Sends one of two away that would meet in a hub but must not; leaves come nearest first for each hub."""
        if not len(self._forbidden):
            return leaves, hubs
        target = np.full(self._places, -1, dtype=np.int64)
        rank = np.zeros(self._places, dtype=np.int64)
        target[leaves], rank[leaves] = hubs, np.arange(len(leaves))
        low, high = np.divmod(self._forbidden, self._places)
        meet = (target[low] >= 0) & (target[low] == target[high])
        later = np.where(rank[low[meet]] < rank[high[meet]], high[meet], low[meet])
        stays = ~np.isin(leaves, later)
        return leaves[stays], hubs[stays]

    def _merge(self, leaves: IntArray, hubs: IntArray) -> None:
        """Merges groups into others, which keep their places; no hub is a leaf."""
        order = np.argsort(hubs, kind="stable")
        leaves, hubs = leaves[order], hubs[order]
        self._merged_into[leaves] = hubs
        self._give_rows(np.unique(hubs))
        for start in range(0, len(leaves), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            first = np.flatnonzero(np.diff(hubs[part], prepend=-1))
            self._sums[self._row[hubs[part][first]]] += np.add.reduceat(self._sums_of(leaves[part]), first, axis=0)
        np.add.at(self._weights, hubs, self._weights[leaves])
        touched = np.zeros(self._places, dtype=bool)
        touched[leaves] = touched[hubs] = True
        now = np.arange(self._places, dtype=np.int64)
        now[leaves] = hubs
        changed = touched[self._left] | touched[self._right]
        self._unknown = self._keys(now[self._left[changed]], now[self._right[changed]])
        self._keep(~changed)
        if len(self._forbidden):
            low, high = np.divmod(self._forbidden, self._places)
            self._forbidden = _each_once(self._keys(now[low], now[high]))

    def _keep(self, those: npt.NDArray[np.bool_]) -> None:
        self._left, self._right = self._left[those], self._right[those]
        self._distance = self._distance[those]

    def _keys(self, left: IntArray, right: IntArray) -> IntArray:
        """One number per pair, ``low * places + high``; pairs within a group are left out."""
        outside = left != right
        left, right = left[outside], right[outside]
        keys: IntArray = np.minimum(left, right).astype(np.int64) * self._places + np.maximum(left, right)
        return keys

    def _is_forbidden(self, keys: IntArray) -> npt.NDArray[np.bool_]:
        place = np.minimum(np.searchsorted(self._forbidden, keys), len(self._forbidden) - 1)
        found: npt.NDArray[np.bool_] = self._forbidden[place] == keys
        return found

    def _sums_of(self, groups: IntArray) -> FloatArray:
        """Weighted sums of groups, ``float32`` (m, d); that of a single node is its vector times its weight."""
        row = self._row[groups]
        single = np.flatnonzero(row < 0)
        result = self._sums[row]
        if len(single):
            nodes = self._node[groups[single]]
            result[single] = self._vectors[nodes].astype(np.float32) * self._node_weights[nodes, None]
        return result

    def _give_rows(self, groups: IntArray) -> None:
        """Lets single nodes have a sum of their own."""
        new = groups[self._single[groups]]
        for start in range(0, len(new), CHUNK_ROWS):
            part = new[start : start + CHUNK_ROWS]
            self._sums[self._used + start : self._used + start + len(part)] = self._sums_of(part)
        self._row[new] = np.arange(self._used, self._used + len(new))
        self._used += len(new)
        self._single[new] = False

    def _add_start_groups(self) -> None:
        """Adds up the groups of several nodes that there are from the start."""
        several = np.flatnonzero(~self._single)
        self._row[several] = np.arange(len(several))
        self._used = len(several)
        nodes = np.flatnonzero(self._row[self._node_labels] >= 0)
        nodes = nodes[np.argsort(self._node_labels[nodes], kind="stable")]
        for start in range(0, len(nodes), CHUNK_ROWS):
            rows = nodes[start : start + CHUNK_ROWS]
            members = self._row[self._node_labels[rows]]
            first = np.flatnonzero(np.diff(members, prepend=-1))
            # added up as float64: a large group must not lose its small members
            block = self._vectors[rows].astype(np.float64) * self._node_weights[rows, None]
            self._sums[members[first]] += np.add.reduceat(block, first, axis=0)

    def _compact(self) -> None:
        """Gives the groups new numbers without gaps, in the same order."""
        root = self._merged_into
        while not np.array_equal(root, root[root]):
            root = root[root]
        stays = np.flatnonzero(root == np.arange(self._places))
        if len(stays) == self._places:
            return
        new = np.empty(self._places, dtype=np.int64)
        new[stays] = np.arange(len(stays))
        new = new[root]
        keys = [np.divmod(numbers, self._places) for numbers in (self._unknown, self._forbidden)]
        self._places = len(stays)
        self._node_labels = new[self._node_labels]
        self._weights, self._single = self._weights[stays], self._single[stays]
        self._row, self._node = self._row[stays], self._node[stays]
        self._merged_into = np.arange(self._places, dtype=np.int64)
        self._left, self._right = new[self._left].astype(np.int32), new[self._right].astype(np.int32)
        self._unknown, self._forbidden = (self._keys(new[low], new[high]) for low, high in keys)


def _each_once(keys: IntArray) -> IntArray:
    """The same as ``np.unique``, which hashes: sorting is several times as fast for millions of numbers."""
    keys = np.sort(keys)
    return keys[np.diff(keys, prepend=-1) > 0]
