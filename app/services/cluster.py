"""Groups the tracks of the whole library into people."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from app.clustering.algorithms import group
from app.clustering.attach import attach
from app.clustering.identities import keep_named_apart, match_people
from app.clustering.means import plain_means
from app.config import Settings
from app.domain import IntArray, JobKind
from app.services.context import Context
from app.services.job_run import JobRun
from app.services.library_lock import waited_for
from app.services.models.choose import pack_of_space
from app.storage import jobs as job_rows
from app.storage import people as people_rows
from app.storage import spaces as space_rows
from app.storage import tracks as track_rows
from app.storage import videos as video_rows
from app.storage.tracks import TrackNodes
from app.vision import Pack

logger = logging.getLogger(__name__)

GROUPING_LOCK = "grouping"

# DBSCAN joins by single links, which are shorter than the mean distance at which average linkage stops
DBSCAN_SHARE = 0.85

# A track that is too poor to decide who is who joins a person only when it is clearly theirs
POOR_SHARE = 0.8


@dataclass(frozen=True)
class ClusterSummary:
    """What a grouping of the library came to.

    Attributes:
        tracks: Tracks that were grouped.
        people: People that the library has now.
        new_people: How many of them are new.
        changed: Tracks that belong to another person than before.
    """

    tracks: int
    people: int
    new_people: int
    changed: int


def request_clustering(context: Context) -> str:
    """Queues a grouping of the library, unless one is waiting already.

    Returns:
        The id of the waiting job.
    """
    with context.database.write() as session:
        job, is_new = job_rows.get_or_add_cluster_job(session)
    if is_new:
        context.queue.send(JobKind.CLUSTER, job.id)
    return job.id


def request_clustering_of_news(context: Context) -> str | None:
    """Queues a grouping where a video was finished since the last one began.

    Returns:
        The id of the waiting job, or ``None`` where there is nothing new.
    """
    with context.database.session() as session:
        processed, grouped = video_rows.last_processed(session), job_rows.last_grouping(session)
    if processed is None or (grouped is not None and grouped > processed):
        return None
    return request_clustering(context)


def cluster_library(context: Context, run: JobRun | None = None) -> ClusterSummary:
    """Groups all tracks anew; people keep their ids and names. One grouping at a time in the whole library.

    The result depends on the tracks only, not on the order in which their videos came in.

    Args:
        context: The context.
        run: The attempt that owns the job, where it is one.

    Returns:
        What the library consists of now.

    Raises:
        JobLostError: The lock or the job was taken over by another process.
    """
    started = time.perf_counter()
    with waited_for(context, GROUPING_LOCK, run) as lock:
        with context.database.session() as session:
            space = space_rows.pinned(session)
            nodes = track_rows.nodes(session, space) if space else None
            together = track_rows.seen_together(session)
            named = people_rows.named(session)
        labels = np.empty(0, np.int64)
        if space is not None and nodes is not None:
            labels = group_tracks(context.settings, pack_of_space(context.settings, space), nodes, together, named)
        lock.check()
        with context.database.write() as session:
            lock.fence(session)
            if run is not None:
                run.fence(session)
            summary = apply_grouping(session, nodes, labels, named)
    seconds = round(time.perf_counter() - started, 3)
    logger.info("library grouped", extra={"tracks": summary.tracks, "people": summary.people, "seconds": seconds})
    return summary


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


def apply_grouping(
    session: Session, nodes: TrackNodes | None, labels: IntArray, named: Collection[int]
) -> ClusterSummary:
    """Writes a grouping: people keep ids where clusters overlap with them, the rest are new.

    Args:
        session: A writing session that is fenced by the grouping's lock.
        nodes: The tracks that were grouped.
        labels: ``int64`` (n,) from :func:`group_tracks`.
        named: Ids of the people who had a name when it was called.

    Returns:
        What the library consists of now.
    """
    if nodes is None:
        return ClusterSummary(0, people_rows.count(session), 0, 0)
    weights = nodes.face_counts.astype(np.float32)
    matched = match_people(labels, nodes.person_ids, weights=weights, named=named)
    fresh = [label for label, person in matched.items() if person is None]
    people = people_rows.add_many(session, len(fresh))
    owners = {**matched, **{label: person.id for label, person in zip(fresh, people, strict=True)}}
    person_ids = np.array([owners.get(int(label)) or -1 for label in labels], np.int64)
    track_rows.assign_people(session, nodes.ids.tolist(), person_ids.tolist())
    people_rows.delete_empty(session)
    people_rows.choose_covers(session)
    changed = int(np.count_nonzero(person_ids != nodes.person_ids))
    return ClusterSummary(len(nodes.ids), people_rows.count(session), len(fresh), changed)
