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
    graph = _Graph(weights.astype(np.float64), masses, resolution)
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
        membership = csr_matrix(
            (np.ones(self.count), labels, np.arange(self.count + 1)), shape=(self.count, self.count)
        )
        near = self.weights[movers] @ membership
        row = np.repeat(np.arange(len(movers)), np.diff(near.indptr))
        mass, own = self.masses[movers], labels[movers]
        here = near.indices == own[row]
        stay = -self.resolution * mass * (members[own] - mass)
        stay[row[here]] += near.data[here]
        gain = near.data - self.resolution * mass[row] * members[near.indices] - stay[row]
        # nobody need stay where they lose: being alone gains nothing and loses nothing
        least = np.maximum(-stay, 0.0) + LEAST_GAIN * self.resolution * mass**2
        good = ~here & (gain > least[row])
        content = np.ones(len(movers), dtype=bool)
        content[row[good]] = False
        good &= takes[near.indices]
        row, column, gain = row[good], near.indices[good].astype(np.int64), gain[good]
        order = np.lexsort((column, -gain, row))
        best = order[np.flatnonzero(np.diff(row[order], prepend=-1))]
        alone = stay < -LEAST_GAIN * self.resolution * mass**2
        alone[row[best]] = False
        free = np.flatnonzero(members == 0)
        leaving = np.flatnonzero(alone)[: len(free)]
        best = best[_not_too_many(column[best], gain[best], mass[row[best]], members)]
        going = np.concatenate([movers[row[best]], movers[leaving]])
        content[leaving] = False
        return going, np.concatenate([column[best], free[: len(leaving)]]), movers[content]

    def within(self, labels: IntArray) -> _Graph:
        """Without the edges between communities."""
        inside = self.weights.tocoo()
        same = labels[inside.row] == labels[inside.col]
        kept = (inside.data[same], (inside.row[same], inside.col[same]))
        return _Graph(coo_matrix(kept, shape=inside.shape).tocsr(), self.masses, self.resolution)

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
        parts: ``int64`` (n,), 0, 1, ... without gaps.
    """
    edges = weights.tocoo()
    row, column = parts[edges.row], parts[edges.col]
    outside = row != column
    count = int(parts.max(initial=-1)) + 1
    return coo_matrix((edges.data[outside], (row[outside], column[outside])), shape=(count, count)).tocsr()


def _connected(weights: csr_matrix, labels: IntArray) -> IntArray:
    """Takes communities apart that are in several pieces."""
    edges = weights.tocoo()
    same = labels[edges.row] == labels[edges.col]
    inside = coo_matrix((edges.data[same], (edges.row[same], edges.col[same])), shape=edges.shape)
    return first_seen(connected_components(inside, directed=False)[1].astype(np.int64))
