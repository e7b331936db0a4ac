"""Decides which tracks are one person: settings and the pack on one side, pure grouping on the other."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from app.clustering.algorithms import group
from app.clustering.attach import attach
from app.clustering.identities import keep_named_apart
from app.clustering.means import plain_means
from app.config import Settings
from app.domain import IntArray
from app.storage.tracks import TrackNodes
from app.vision import Pack

# DBSCAN joins by single links, which are shorter than the mean distance at which average linkage stops
DBSCAN_SHARE = 0.85

# A track that is too poor to decide who is who joins a person only when it is clearly theirs
POOR_SHARE = 0.8


def group_tracks(
    settings: Settings,
    pack: Pack,
    nodes: TrackNodes,
    together: IntArray,
    named: Collection[int],
) -> IntArray:
    """Decides which tracks are one person.

    Args:
        settings: Which algorithm, and the threshold where it is set.
        pack: The pack of the tracks' space.
        nodes: The tracks.
        together: ``int64`` (m, 2) ids of tracks that share a frame; pairs with tracks that are not in ``nodes`` do not
            matter.
        named: Ids of the people who have a name; two of them never become one silently.

    Returns:
        ``int64`` (n,) group of each track, -1 for tracks that are nobody's.
    """
    threshold = _threshold(settings, pack)
    apart = np.searchsorted(nodes.ids, together[np.isin(together, nodes.ids).all(axis=1)])
    usable = np.flatnonzero(nodes.usable)
    place = np.full(len(nodes.ids), -1, np.int64)
    place[usable] = np.arange(len(usable))
    rules = place[apart]
    vectors = plain_means(nodes.embeddings, nodes.face_counts, noise=pack.track_noise)
    weights = nodes.face_counts.astype(np.float32)
    grouped = group(
        vectors[usable],
        algorithm=settings.clustering_algorithm,
        threshold=threshold,
        cannot_link=rules[(rules >= 0).all(axis=1)],
        weights=weights[usable],
    )
    labels = np.full(len(nodes.ids), -1, np.int64)
    labels[usable] = keep_named_apart(
        grouped, nodes.person_ids[usable], vectors[usable], named=named, weights=weights[usable]
    )
    return attach(vectors, labels, threshold=threshold * POOR_SHARE, cannot_link=apart, weights=weights)


def _threshold(settings: Settings, pack: Pack) -> float:
    """Where grouping stops: the pack's own distance, or the one that the set similarity stands for."""
    wanted = settings.clustering_similarity_threshold
    share = DBSCAN_SHARE if settings.clustering_algorithm == "dbscan" else 1.0
    if wanted is not None:
        share *= pack.grouping_distance_at(wanted) / pack.grouping_distance
    return pack.face_grouping_distance * share
