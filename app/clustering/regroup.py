"""Who is who: groups tracks, honours everything that users said, and lets people go on as themselves.

What a user must be able to rely on is decided here, in this order:

1. Pairs that cannot be linked never are; of must-link rules that contradict them some give way, and are named.
2. A *kept* person has an anchor: the tracks that a user confirmed, else their heaviest usable track. The cluster with
   the anchor goes on as that person. Anchors of two kept people come into one cluster only where neither has a name and
   no rule says otherwise; then the larger one stays.
3. Poor tracks only attach; they never found a cluster, bridge two or pull one.
4. Every other cluster goes on as the person with whom it overlaps most (:mod:`app.clustering.identities`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.clustering.anchors import Anchors, find_anchors, keep_apart, split_crowded
from app.clustering.attach import attach
from app.clustering.constraints import must_link_groups
from app.clustering.contradictions import consistent
from app.clustering.known import NEW, NOBODY, Nodes, Rules
from app.clustering.owners import number_new, owners_of
from app.domain import FloatArray, IntArray

# A poor track that a user confirmed marks where its person is, without pulling them towards itself
FEATHER = np.float32(1e-6)
GroupFunction = Callable[[FloatArray, FloatArray, IntArray, IntArray], IntArray]


@dataclass(frozen=True)
class Outcome:
    """What became of the nodes.

    Attributes:
        people: ``int64`` (n,) an existing person, -1 for nobody, or -2, -3, ... for the first, second, ... new one.
        broken_same: Places in ``Rules.same`` of rules that contradict cannot-links.
        broken_confirmed: Nodes that cannot be whom a user confirmed them to be, for cannot-links.
        joined: Kept people without a name whose anchor came into the cluster of another one: who, and into whom.
    """

    people: IntArray
    broken_same: IntArray
    broken_confirmed: IntArray
    joined: tuple[tuple[int, int], ...] = ()

    @property
    def new_people(self) -> int:
        """How many people are new."""
        return max(NEW + 1 - int(self.people.min(initial=0)), 0)


def regroup(nodes: Nodes, rules: Rules, group: GroupFunction, *, threshold: float, poor_threshold: float) -> Outcome:
    """Decides who is who.

    Args:
        nodes: The tracks.
        rules: What is certain.
        group: Groups usable nodes: gets vectors, weights, cannot-link and must-link pairs without contradictions, and
            returns labels, -1 for noise.
        threshold: Mean cosine distance up to which two groups become one; here it only tells which anchors are near.
        poor_threshold: The same for poor nodes that attach.
    """
    anchors = find_anchors(nodes.previous, nodes.weights, nodes.usable, nodes.confirmed, rules.kept, rules.not_person)
    must = np.concatenate([anchors.stars, rules.same])
    chains = must_link_groups(len(nodes), must)
    cannot = _cannot_links(rules, anchors, keep_apart(anchors, rules, nodes.vectors, chains, 2.0 * threshold))
    ties, gave_way = consistent(len(nodes), must, cannot)
    labels = _group_usable(nodes, ties, cannot, group)
    labels = _label_tied(labels, ties, nodes.usable, anchors.nodes)
    labels = split_crowded(labels, ties, nodes.vectors, anchors, rules)
    labels = _attach_poor(nodes, labels, ties, cannot, poor_threshold)
    owners, joined = owners_of(nodes, labels, rules, anchors)
    people = _stay(nodes, rules, anchors, number_new(labels, owners), ties, cannot)
    stars = len(anchors.stars)
    return Outcome(
        people=people,
        broken_same=gave_way[gave_way >= stars] - stars,
        broken_confirmed=np.union1d(anchors.stars[gave_way[gave_way < stars], 1], anchors.disowned).astype(np.int64),
        joined=joined,
    )


def _cannot_links(rules: Rules, anchors: Anchors, strangers: IntArray) -> IntArray:
    """All pairs of nodes that are two people, each once, lower node first."""
    node, person = rules.not_person[:, 0], rules.not_person[:, 1]
    pairs = [
        rules.together,
        rules.apart,
        np.column_stack([node, anchors.of(person)]),
        np.column_stack([anchors.of(rules.strangers[:, 0]), anchors.of(rules.strangers[:, 1])]),
        strangers,
    ]
    found = np.sort(np.concatenate(pairs), axis=1)
    found = found[(found[:, 0] >= 0) & (found[:, 0] != found[:, 1])]
    return np.unique(found, axis=0)


def _group_usable(nodes: Nodes, ties: IntArray, cannot: IntArray, group: GroupFunction) -> IntArray:
    """Labels of usable nodes; those of poor ones are -1."""
    usable = np.flatnonzero(nodes.usable)
    labels = np.full(len(nodes), NOBODY, np.int64)
    if not len(usable):
        return labels
    place = np.full(len(nodes), -1, np.int64)
    place[usable] = np.arange(len(usable))
    first = _first_of(ties, usable)  # a rule about a poor track holds for the usable ones that are tied to it
    rules = np.sort(first[ties[cannot]], axis=1)
    rules = np.unique(rules[rules[:, 0] >= 0], axis=0)
    tied = np.column_stack([first[ties[usable]], usable])
    tied = tied[tied[:, 0] != tied[:, 1]]
    labels[usable] = group(nodes.vectors[usable], nodes.weights[usable], place[rules], place[tied])
    return labels


def _first_of(ties: IntArray, members: IntArray) -> IntArray:
    """For each tie the first of ``members`` in it, or -1."""
    first = np.full(int(ties.max(initial=-1)) + 1, -1, np.int64)
    first[ties[members[::-1]]] = members[::-1]
    return first


def _label_tied(labels: IntArray, ties: IntArray, usable: npt.NDArray[np.bool_], anchors: IntArray) -> IntArray:
    """Gives what is tied to a labelled node its label, and what an algorithm calls noise one of its own where a rule
    or an anchor wants it.
    """
    result = labels.copy()
    first = _first_of(ties, np.flatnonzero(labels >= 0))
    known = first[ties] >= 0
    result[known] = labels[first[ties[known]]]
    several = np.bincount(ties, minlength=1)[ties] > 1
    marked = np.zeros(len(labels), np.bool_)
    marked[anchors] = True
    tie_marked = np.bincount(ties, weights=marked | (several & usable), minlength=1)[ties] > 0
    alone = np.flatnonzero((result < 0) & tie_marked)
    if len(alone):
        result[alone] = result.max() + 1 + np.unique(ties[alone], return_inverse=True)[1]
    return result


def _attach_poor(nodes: Nodes, labels: IntArray, ties: IntArray, cannot: IntArray, threshold: float) -> IntArray:
    """Lets poor nodes, and what an algorithm calls noise, join; those that are tied together join as one."""
    free = np.flatnonzero(labels < 0)
    if not len(free):
        return labels
    first = _first_of(ties, free)
    speaker = np.arange(len(nodes))
    speaker[free] = first[ties[free]]
    rules = np.sort(speaker[cannot], axis=1)
    rules = np.unique(rules[rules[:, 0] != rules[:, 1]], axis=0)
    weights = np.where(nodes.usable, nodes.weights, FEATHER).astype(np.float32)
    speakers = np.unique(speaker[free])
    done = attach(nodes.vectors, labels, threshold=threshold, cannot_link=rules, weights=weights, candidates=speakers)
    done[free] = done[speaker[free]]
    return done


def _stay(nodes: Nodes, rules: Rules, anchors: Anchors, people: IntArray, ties: IntArray, cannot: IntArray) -> IntArray:
    """Poor tracks of a kept person who has no others stay theirs, where they attached to nobody.

    What is tied to such a track goes with it, or it does not stay.
    """
    result = people.copy()
    lost = rules.kept[~np.isin(rules.kept, anchors.people) & ~np.isin(rules.kept, people)]
    stays = (people == NOBODY) & ~nodes.usable & np.isin(nodes.previous, lost)
    if not stays.any():
        return result
    denied = set(map(tuple, rules.not_person.tolist()))
    enemies = _pairs_by_node(cannot)
    for tie in np.unique(ties[stays]).tolist():
        members = np.flatnonzero(ties == tie)
        person = int(nodes.previous[members[stays[members]][0]])
        allowed = (people[members] == NOBODY).all() and not any((node, person) in denied for node in members.tolist())
        if allowed and not any(result[foe] == person for node in members.tolist() for foe in enemies.get(node, ())):
            result[members] = person
    return result


def _pairs_by_node(pairs: IntArray) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for one, other in pairs.tolist():
        found.setdefault(one, []).append(other)
        found.setdefault(other, []).append(one)
    return found
