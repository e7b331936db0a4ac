"""Communities of a weighted graph by the Leiden method, with the constant Potts model as measure of quality.

Traag, Waltman and van Eck, "From Louvain to Leiden: guaranteeing well-connected communities", Scientific Reports 9, 2019.
Each level moves nodes to the community where they gain most, refines every community from single nodes on, and goes on
with the refined parts as nodes. Quality is the weight inside communities less ``resolution * mass_a * mass_b`` for every
pair of nodes in one: two communities gain by becoming one when the mean weight between them is above the resolution, no
matter how large the rest of the graph is (modularity has no such limit of its own, and merges more in larger graphs).

Own code, because ready-made ones are under the GPL, take lists of Python objects, or draw random numbers that cannot be
repeated. Moves are made for many nodes at a time, as array operations: in each round a coin decides for every community
whether it gives or takes, so no two nodes swap places, and what was moved too hastily moves back later. The coins come
from a fixed seed: the same graph gives the same communities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from app.clustering.constraints import first_seen
from app.domain import IntArray

SEED = 20_19
ROUNDS = 40
REFINING_ROUNDS = 12
LEVELS = 20
# Nodes whose moves are looked at together: the memory that it takes does not grow with the graph.
CHUNK_ROWS = 65_536
# A gain that is smaller than this share of the resolution is rounding.
LEAST_GAIN = 1e-6

Floats = npt.NDArray[np.float64]


def leiden(weights: csr_matrix, masses: Floats, *, resolution: float) -> IntArray:
    """Finds communities.

    Args:
        weights: CSR (n, n), symmetric, without a diagonal, positive.
        masses: ``float64`` (n,), positive.
        resolution: Weight per pair of masses that a community must have inside to be worth it.

    Returns:
        ``int64`` (n,) community of each node, 0, 1, ... in the order of their first node; each is connected.
    """
    random = np.random.default_rng(SEED)
    graph = _Graph(weights, masses, resolution)
    places = np.arange(graph.count, dtype=np.int64)  # of the nodes in the graph of the level
    labels = places.copy()
    for _ in range(LEVELS):
        labels = graph.moved(labels, random, ROUNDS)
        parts = graph.within(labels).moved(np.arange(graph.count), random, REFINING_ROUNDS)
        if parts.max(initial=-1) + 1 == graph.count:
            break
        first = np.unique(parts, return_index=True)[1]
        graph, labels = graph.aggregated(parts), first_seen(labels[first])
        places = parts[places]
    return _connected(weights, labels[places])


@dataclass(frozen=True)
class _Graph:
    weights: csr_matrix
    masses: Floats
    resolution: float

    @property
    def count(self) -> int:
        return len(self.masses)

    def moved(self, labels: IntArray, random: np.random.Generator, rounds: int) -> IntArray:
        """Moves nodes to better communities until hardly any gains; returns labels 0, 1, ... by first appearance."""
        labels = labels.copy()
        restless = np.ones(self.count, dtype=bool)
        for _ in range(rounds):
            gives = random.random(self.count) < 0.5
            movers = np.flatnonzero(restless & gives[labels])
            if len(movers):
                going, to, content = self._best_moves(movers, labels, ~gives)
                labels[going] = to
                restless[content] = False
                restless[self.weights[going].indices] = True  # they may want to follow, or to leave
            if not restless.any():
                break
        return first_seen(labels)

    def _best_moves(
        self, movers: IntArray, labels: IntArray, takes: npt.NDArray[np.bool_]
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Nodes that move, where to, and nodes that would not even move if every community took them.

        Who leaves without going to another one gets a number that has no members.
        """
        members = sums(labels, self.masses, self.count)
        membership = csr_matrix((np.ones(self.count), labels, np.arange(self.count + 1)), shape=self.weights.shape)
        parts = [
            self._wishes(movers[start : start + CHUNK_ROWS], labels, takes, members, membership)
            for start in range(0, len(movers), CHUNK_ROWS)
        ]
        who, to, gains, leaving, content = (np.concatenate(column) for column in zip(*parts, strict=True))
        chosen = _not_too_many(to, gains, self.masses[who], members)
        free = np.flatnonzero(members == 0)
        leaving = leaving[: len(free)]
        going = np.concatenate([who[chosen], leaving])
        return going, np.concatenate([to[chosen], free[: len(leaving)]]), content

    def _wishes(
        self,
        movers: IntArray,
        labels: IntArray,
        takes: npt.NDArray[np.bool_],
        members: Floats,
        membership: csr_matrix,
    ) -> tuple[IntArray, IntArray, Floats, IntArray, IntArray]:
        """Who wants to join which community and gains how much; who wants to leave theirs; and who wants nothing."""
        near = self.weights[movers] @ membership
        row = np.repeat(np.arange(len(movers)), np.diff(near.indptr))
        mass, own = self.masses[movers], labels[movers]
        here = near.indices == own[row]
        stay = -self.resolution * mass * (members[own] - mass)
        stay[row[here]] += near.data[here]
        gain = near.data - self.resolution * mass[row] * members[near.indices] - stay[row]
        # nobody need stay where they lose: being alone gains nothing and loses nothing
        least = LEAST_GAIN * self.resolution * mass**2
        good = ~here & (gain > (np.maximum(-stay, 0.0) + least)[row])
        content = stay >= -least
        content[row[good]] = False
        good &= takes[near.indices]
        row, to, gain = row[good], near.indices[good].astype(np.int64), gain[good]
        order = np.lexsort((to, -gain, row))
        best = order[np.flatnonzero(np.diff(row[order], prepend=-1))]
        leaves = stay < -least
        leaves[row[best]] = False
        return movers[row[best]], to[best], gain[best], movers[leaves], movers[content]

    def within(self, labels: IntArray) -> _Graph:
        """Without the edges between communities."""
        return _Graph(_inside(self.weights, labels), self.masses, self.resolution)

    def aggregated(self, parts: IntArray) -> _Graph:
        """With each part as one node."""
        return _Graph(joined(self.weights, parts), sums(parts, self.masses), self.resolution)


def _not_too_many(targets: IntArray, gains: Floats, masses: Floats, members: Floats) -> IntArray:
    """Of those who want to join a community, the best, until it has doubled: each judged it as it was before."""
    order = np.lexsort((-gains, targets))
    target, total = targets[order], np.cumsum(masses[order])
    begins = np.diff(target, prepend=-1) != 0
    before = (total - masses[order])[begins][np.cumsum(begins) - 1]
    chosen: IntArray = order[begins | (total - before <= members[target])]
    return chosen


def sums(parts: IntArray, masses: Floats, count: int = 0) -> Floats:
    """Mass of each part, ``float64``; those without members, up to ``count``, have none."""
    total: Floats = np.bincount(parts, weights=masses, minlength=count).astype(np.float64)
    return total


def joined(weights: csr_matrix, parts: IntArray) -> csr_matrix:
    """Makes one node of each part and sums the weights of parallel edges; those within a part are left out.

    Args:
        weights: CSR (n, n).
        parts: ``int64`` (n,), 0, 1, ... without gaps; where each node is a part, they are in order.
    """
    count = int(parts.max(initial=-1)) + 1
    if count == len(parts):
        return weights
    numbers = parts.astype(np.int32)
    row, column = np.repeat(numbers, np.diff(weights.indptr)), numbers[weights.indices]
    outside = row != column
    edges = (weights.data[outside], (row[outside], column[outside]))
    return coo_matrix(edges, shape=(count, count)).tocsr()


def _inside(weights: csr_matrix, labels: IntArray) -> csr_matrix:
    """Leaves out the edges between nodes of different labels."""
    numbers = labels.astype(np.int32)
    same = np.repeat(numbers, np.diff(weights.indptr)) == numbers[weights.indices]
    before = np.concatenate([[0], np.cumsum(same)])
    return csr_matrix((weights.data[same], weights.indices[same], before[weights.indptr]), shape=weights.shape)


def _connected(weights: csr_matrix, labels: IntArray) -> IntArray:
    """Takes communities apart that are in several pieces."""
    return first_seen(connected_components(_inside(weights, labels), directed=False)[1].astype(np.int64))
