"""Decides which tracks are one person: settings and the pack on one side, pure grouping on the other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from app.clustering.algorithms import group, threshold_share
from app.clustering.known import Nodes, Rules
from app.clustering.means import plain_means
from app.clustering.neighbours import GraphBuilder, build_graph
from app.clustering.regroup import regroup
from app.config import Settings
from app.domain import FloatArray, IntArray
from app.storage.rules import HouseRules
from app.storage.tracks import TrackNodes
from app.vision import Pack

# A track that is too poor to decide who is who joins a person only when it is clearly theirs
POOR_SHARE = 0.8


@dataclass(frozen=True)
class Decision:
    """Whose each track is.

    Attributes:
        person_ids: ``int64`` (n,) an existing person, -1 for nobody, or -2, -3, ... for the first, second, ... new one.
        new_people: How many people are new.
        broken_rules: Ids of "same person" rules that contradict others.
        broken_tracks: Tracks that cannot be whom a user confirmed them to be.
        joined: Kept people without a name who are one: who, and into whom.
    """

    person_ids: IntArray
    new_people: int = 0
    broken_rules: tuple[int, ...] = ()
    broken_tracks: tuple[int, ...] = ()
    joined: tuple[tuple[int, int], ...] = ()


def decide(
    settings: Settings,
    pack: Pack,
    nodes: TrackNodes,
    house: HouseRules,
    vectors: FloatArray | None = None,
    graph_of: GraphBuilder = build_graph,
    population: int | None = None,
) -> Decision:
    """Decides whose each track is.

    Args:
        settings: Which algorithm, and the threshold where it is set.
        pack: The pack of the tracks' space.
        nodes: The tracks.
        house: What users said; what is about other tracks does not matter.
        vectors: ``float32`` (n, dimension) what is grouped, no longer than 1; by default made of the embeddings.
        graph_of: Builds the neighbour graph.
        population: Tracks of the whole library, where ``nodes`` are a part of it.
    """
    threshold = threshold_of(settings, pack)
    if vectors is None:
        vectors = plain_means(nodes.embeddings, nodes.face_counts, noise=pack.track_noise)
    known = Nodes(
        vectors=vectors,
        weights=nodes.face_counts.astype(np.float32),
        usable=nodes.usable,
        previous=nodes.person_ids,
        confirmed=np.isin(nodes.ids, house.confirmed),
    )
    rules, same_rules = _by_place(nodes.ids, house)

    def by_algorithm(vectors: FloatArray, weights: FloatArray, cannot: IntArray, must: IntArray) -> IntArray:
        return group(
            vectors,
            algorithm=settings.clustering_algorithm,
            threshold=threshold,
            cannot_link=cannot,
            must_link=must,
            weights=weights,
            graph_of=graph_of,
            population=population,
        )

    outcome = regroup(known, rules, by_algorithm, threshold=threshold, poor_threshold=threshold * POOR_SHARE)
    return Decision(
        person_ids=outcome.people,
        new_people=outcome.new_people,
        broken_rules=tuple(same_rules[outcome.broken_same].tolist()),
        broken_tracks=tuple(nodes.ids[outcome.broken_confirmed].tolist()),
        joined=outcome.joined,
    )


def group_tracks(
    settings: Settings, pack: Pack, nodes: TrackNodes, together: IntArray, named: Collection[int]
) -> IntArray:
    """Decides which tracks are one person where users said nothing but names.

    Args:
        settings: Which algorithm, and the threshold where it is set.
        pack: The pack of the tracks' space.
        nodes: The tracks.
        together: ``int64`` (m, 2) ids of tracks that share a frame.
        named: Ids of the people who have a name; two of them never become one.

    Returns:
        ``int64`` (n,) group of each track, -1 for tracks that are nobody's.
    """
    kept = np.array(sorted(named), np.int64)
    people = decide(settings, pack, nodes, HouseRules(together, kept=kept, named=np.ones(len(kept), np.bool_)))
    groups: IntArray = np.unique(people.person_ids, return_inverse=True)[1].astype(np.int64)
    _, first = np.unique(groups, return_index=True)
    rank = np.empty(len(first), np.int64)
    nobody = people.person_ids[first] == -1
    rank[nobody] = -1
    rank[~nobody] = np.argsort(np.argsort(first[~nobody]))
    return rank[groups]


def _by_place(ids: IntArray, house: HouseRules) -> tuple[Rules, IntArray]:
    """Rules in places of ``ids``, which are sorted, instead of ids; and which of the "same person" rules they are."""
    same = np.flatnonzero(np.isin(house.same, ids).all(axis=1))
    not_person = house.not_person[np.isin(house.not_person[:, 0], ids)]
    rules = Rules(
        together=_places(ids, house.together),
        same=np.searchsorted(ids, house.same[same]),
        apart=_places(ids, house.apart),
        not_person=np.column_stack([np.searchsorted(ids, not_person[:, 0]), not_person[:, 1]]),
        strangers=house.strangers,
        kept=house.kept,
        named=house.named,
    )
    return rules, house.same_rules[same]


def _places(ids: IntArray, pairs: IntArray) -> IntArray:
    return np.searchsorted(ids, pairs[np.isin(pairs, ids).all(axis=1)])


def threshold_of(settings: Settings, pack: Pack) -> float:
    """Where grouping stops: the pack's own distance, or the one that the set similarity stands for."""
    wanted = settings.clustering_similarity_threshold
    share = threshold_share(settings.clustering_algorithm)
    if wanted is not None:
        share *= pack.grouping_distance_at(wanted) / pack.grouping_distance
    return pack.face_grouping_distance * share
