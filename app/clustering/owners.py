"""Who each cluster goes on as."""

from __future__ import annotations

import numpy as np

from app.clustering.anchors import Anchors
from app.clustering.identities import match_people
from app.clustering.known import NEW, NOBODY, Nodes, Rules
from app.domain import IntArray

# A track that a user confirmed outweighs many that only were there before
CONFIRMED_WEIGHT = 100.0


def owners_of(
    nodes: Nodes, labels: IntArray, rules: Rules, anchors: Anchors
) -> tuple[dict[int, int | None], tuple[tuple[int, int], ...]]:
    """Who each cluster goes on as, ``None`` for somebody new; and kept people who were joined."""
    pinned: dict[int, int] = {}
    joined: list[tuple[int, int]] = []
    size = {person: float(nodes.weights[nodes.previous == person].sum()) for person in _doubled(labels, anchors)}
    named = set(rules.kept[rules.named].tolist())

    def rank(person: int) -> tuple[bool, bool, float, int]:
        return person in named, person in anchors.confirmed, size.get(person, 0.0), -person

    for person, node in zip(anchors.people.tolist(), anchors.nodes.tolist(), strict=True):
        label = int(labels[node])
        other = pinned.get(label)
        if other is None:
            pinned[label] = person
        else:
            stays, goes = (other, person) if rank(other) > rank(person) else (person, other)
            pinned[label] = stays
            joined.append((goes, stays))
    free = ~np.isin(labels, list(pinned)) & (labels >= 0)
    previous = np.where(np.isin(nodes.previous, anchors.people), NOBODY, nodes.previous)[free]
    weights = (nodes.weights * np.where(nodes.confirmed, CONFIRMED_WEIGHT, 1.0))[free].astype(np.float32)
    matched = match_people(labels[free], previous, weights=weights, named=rules.kept.tolist())
    for node, person in rules.not_person.tolist():
        if matched.get(int(labels[node])) == person:
            matched[int(labels[node])] = None
    stays_of = {**matched, **pinned}
    return stays_of, tuple((goes, _last(stays, joined)) for goes, stays in joined)


def _doubled(labels: IntArray, anchors: Anchors) -> list[int]:
    """People whose anchor shares its cluster with another anchor."""
    own = labels[anchors.nodes]
    values, counts = np.unique(own, return_counts=True)
    crowded: list[int] = anchors.people[np.isin(own, values[counts > 1])].tolist()
    return crowded


def _last(person: int, joined: list[tuple[int, int]]) -> int:
    into = dict(joined)
    while person in into:
        person = into[person]
    return person


def number_new(labels: IntArray, owners: dict[int, int | None]) -> IntArray:
    """The person of each node: an existing one, or numbers of new ones in the order of their labels."""
    values, inverse = np.unique(labels, return_inverse=True)
    people = np.full(len(values), NOBODY, np.int64)
    new = 0
    for place, label in enumerate(values.tolist()):
        if label < 0:
            continue
        owner = owners.get(label)
        people[place] = NEW - new if owner is None else owner
        new += owner is None
    result: IntArray = people[inverse]
    return result
