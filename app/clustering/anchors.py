"""Anchors: what holds a kept person in their place, whatever a grouping does around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from app.domain import FloatArray, IntArray

# Up to so many people every pair of anchors is a rule; beyond it only near ones, and the rest is mended afterwards
ALL_PAIRS = 1_000
CHUNK_ROWS = 1_024

BoolArray = npt.NDArray[np.bool_]


class KeptPeople(Protocol):
    """The part of the rules that anchors need."""

    @property
    def kept(self) -> IntArray:
        """``int64`` (k,) sorted ids."""

    @property
    def named(self) -> BoolArray:
        """``bool`` (k,)."""


@dataclass(frozen=True)
class Anchors:
    """Where kept people are, parallel arrays by person.

    Attributes:
        people: ``int64`` (a,) sorted ids of those who have an anchor.
        nodes: ``int64`` (a,) the node that stands for the anchor.
        stars: ``int64`` (m, 2) must-links between that node and the other confirmed ones of the person, heaviest first.
        confirmed: People whose anchor a user confirmed.
        disowned: ``int64`` nodes confirmed as somebody whom another rule says they are not.
    """

    people: IntArray
    nodes: IntArray
    stars: IntArray
    confirmed: frozenset[int] = frozenset()
    disowned: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    def of(self, people: IntArray) -> IntArray:
        """The anchors of people, -1 for those who have none."""
        if not len(self.people):
            return np.full(len(people), -1, np.int64)
        place = np.minimum(np.searchsorted(self.people, people), len(self.people) - 1)
        return np.where(self.people[place] == people, self.nodes[place], -1)


def find_anchors(
    previous: IntArray,
    weights: FloatArray,
    usable: BoolArray,
    confirmed: BoolArray,
    kept: IntArray,
    not_person: IntArray,
) -> Anchors:
    """Finds the anchor of every kept person: their confirmed tracks, else their heaviest usable one.

    Args:
        previous: ``int64`` (n,) person of each node, -1 for nobody.
        weights: ``float32`` (n,).
        usable: ``bool`` (n,).
        confirmed: ``bool`` (n,).
        kept: ``int64`` (k,) sorted ids.
        not_person: ``int64`` (m, 2) nodes, and whom they are not: never an anchor of that person.

    Returns:
        The anchors. A poor track is one only where a user confirmed it.
    """
    denied = np.zeros(len(previous), np.bool_)
    denied[not_person[previous[not_person[:, 0]] == not_person[:, 1], 0]] = True
    fit = np.flatnonzero(np.isin(previous, kept) & ~denied & (usable | confirmed))
    order = fit[np.lexsort((fit, -weights[fit], ~usable[fit], ~confirmed[fit], previous[fit]))]
    people, first, place = np.unique(previous[order], return_index=True, return_inverse=True)
    nodes = order[first]
    others = confirmed[order] & (order != nodes[place])
    stars = np.column_stack([nodes[place][others], order[others]])
    sure = frozenset(people[confirmed[nodes]].tolist())
    return Anchors(people, nodes, stars, sure, np.flatnonzero(denied & confirmed))


def keep_apart(anchors: Anchors, rules: KeptPeople, vectors: FloatArray, chains: IntArray, near: float) -> IntArray:
    """Pairs of anchors that never come into one cluster: one has a name, or a user confirmed both.

    Args:
        anchors: The anchors.
        rules: Who is kept.
        vectors: ``float32`` (n, d) of all nodes.
        chains: ``int64`` (n,) groups that all must-links form, contradictory ones too.
        near: Where there are very many people, only pairs up to this cosine distance, and of one chain, are given;
            others hardly ever meet, and :func:`split_crowded` takes them apart where they do.

    Returns:
        ``int64`` (m, 2) nodes.
    """
    count = len(anchors.people)
    has_name, sure = _standing(anchors, rules)
    chain = chains[anchors.nodes]
    pairs = []
    for start in range(0, count, CHUNK_ROWS):
        rows = np.arange(start, min(start + CHUNK_ROWS, count))
        wanted = has_name[rows, None] | has_name[None, :] | (sure[rows, None] & sure[None, :])
        wanted &= np.arange(count)[None, :] > rows[:, None]
        if count > ALL_PAIRS:
            close = 1.0 - vectors[anchors.nodes[rows]] @ vectors[anchors.nodes].T <= near
            wanted &= close | (chain[rows, None] == chain[None, :])
        one, other = np.nonzero(wanted)
        pairs.append(np.column_stack([anchors.nodes[rows[one]], anchors.nodes[other]]))
    return np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)


def split_crowded(
    labels: IntArray, ties: IntArray, vectors: FloatArray, anchors: Anchors, rules: KeptPeople
) -> IntArray:
    """Takes clusters apart that hold anchors of people who must stay two.

    A part of a cluster breaks no cannot-link rule that the cluster did not break. What is tied stays together.

    Args:
        labels: ``int64`` (n,), -1 for nobody.
        ties: ``int64`` (n,) groups that must-links form.
        vectors: ``float32`` (n, d).
        anchors: The anchors.
        rules: Who is kept.

    Returns:
        New labels; parts that were split off have new numbers after the highest one.
    """
    own = labels[anchors.nodes]
    values, counts = np.unique(own, return_counts=True)
    result = labels.copy()
    for label in values[counts > 1].tolist():
        inside = np.flatnonzero(own == label)
        seeds = _seeds(inside, anchors, rules)
        if len(seeds) < 2:
            continue
        members = np.flatnonzero(labels == label)
        group, place = np.unique(ties[members], return_inverse=True)
        total = np.zeros((len(group), vectors.shape[1]), np.float32)
        np.add.at(total, place, vectors[members])
        nearest = (total @ vectors[anchors.nodes[seeds]].T).argmax(axis=1)
        at_home = np.searchsorted(group, ties[anchors.nodes[seeds]])
        nearest[at_home] = np.arange(len(seeds))
        part = nearest[place]
        result[members] = np.where(part == 0, label, result.max() + part)
    return result


def _seeds(inside: IntArray, anchors: Anchors, rules: KeptPeople) -> IntArray:
    """Of the anchors in one cluster those that must be apart from another one; each begins a part."""
    has_name, sure = _standing(anchors, rules)
    return inside if has_name[inside].any() else inside[sure[inside]]


def _standing(anchors: Anchors, rules: KeptPeople) -> tuple[BoolArray, BoolArray]:
    """Who has a name, and whose anchor a user confirmed."""
    has_name: BoolArray = np.isin(anchors.people, rules.kept[rules.named])
    sure: BoolArray = np.isin(anchors.people, np.fromiter(anchors.confirmed, np.int64, len(anchors.confirmed)))
    return has_name, sure
