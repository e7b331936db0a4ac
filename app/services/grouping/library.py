"""Groups the tracks of the whole library into people."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from app.clustering.identities import match_people
from app.domain import IntArray
from app.services.context import Context
from app.services.grouping.decide import group_tracks
from app.services.job_run import JobRun
from app.services.library_lock import waited_for
from app.services.models.choose import pack_of_space
from app.storage import people as people_rows
from app.storage import spaces as space_rows
from app.storage import tracks as track_rows
from app.storage.tracks import TrackNodes

logger = logging.getLogger(__name__)

GROUPING_LOCK = "grouping"


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
