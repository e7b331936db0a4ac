"""Follows the stored faces of a video and stores them as tracks; people stay who they were."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Protocol

import numpy as np
from sqlalchemy.orm import Session

from app.domain import BoundingBox, Quality, QualityReason
from app.models import EmbeddingSpace, Face, Job, Track
from app.services.context import Context
from app.services.models.choose import pack_of_space
from app.storage import faces as face_rows
from app.storage import findings, vectors
from app.storage import spaces as space_rows
from app.storage import tracks as track_rows
from app.storage.findings import HIDDEN, KnownTrack
from app.vision.track import Observation, Tracker, TrackResult, TrackSettings

logger = logging.getLogger(__name__)


class Owner(Protocol):
    """Who links: an attempt at a job, or whoever tidies up after one."""

    job_id: str
    params: dict[str, Any]

    def check(self) -> None:
        """Raises where the work must stop."""

    def fence(self, session: Session) -> None:
        """Raises, within a writing transaction, where the job is somebody else's."""


def link_tracks(context: Context, run: Owner, video_id: int, *, alone: bool = False) -> None:
    """Follows the stored faces of a video and stores the tracks; what was there is replaced.

    Where the video was looked at again, this is the moment at which the new faces take the place of the old ones. A
    new track belongs, until the next grouping, to the person whose track was there before: names survive.

    Args:
        context: The context.
        run: Owns the job.
        video_id: The video; all its faces are stored.
        alone: Each face is a track of its own, as in a set of pictures.
    """
    started = time.perf_counter()
    while not _link(context, run, video_id, alone):
        run.check()
    seconds = round(time.perf_counter() - started, 3)
    logger.info("tracks linked", extra={"job_id": run.job_id, "video_id": video_id, "seconds": seconds})


def _link(context: Context, run: Owner, video_id: int, alone: bool) -> bool:
    """Returns False where the library changed its pack meanwhile: the tracks were of vectors that are gone."""
    hidden = bool(run.params.get("hidden"))
    with context.database.session() as session:
        space = space_rows.pinned(session)
        follow = _lone_tracks if alone else _follow
        results = list(follow(context, session, video_id, space, hidden=hidden)) if space else []
    gone: list[str] = []
    with context.database.write() as session:
        run.fence(session)
        present = space_rows.hold(session)
        if space is not None and (present is None or present.name != space.name):
            return False
        known = findings.known_tracks(session, video_id, space.id) if space else []
        if hidden:
            gone = findings.show_hidden(session, video_id)
            run.params["hidden"] = False
            session.get_one(Job, run.job_id).params = dict(run.params)
        rows = [(track_row(video_id, space.id, result), result.keys) for result in results] if space else []
        if space is not None:
            distance = pack_of_space(context.settings, space).same_person_distance
            _keep_people([track for track, _ in rows], known, distance)
        track_rows.replace_for_video(session, video_id, rows)
        if known:
            face_rows.follow_tracks(session, video_id=video_id)
    for key in gone:
        context.blobs.delete(key)
    return True


def _keep_people(tracks: Sequence[Track], known: Sequence[KnownTrack], distance: float) -> None:
    """Gives each track the person of the track that was there before and looks most alike."""
    if not known:
        return
    embeddings = np.stack([vectors.decode(one.embedding) for one in known])
    starts, ends = np.array([one.start for one in known]), np.array([one.end for one in known])
    for track in tracks:
        (near,) = np.nonzero((starts <= track.end) & (ends >= track.start))
        if not len(near):
            continue
        distances = 1.0 - embeddings[near] @ vectors.decode(track.embedding)
        best = int(np.argmin(distances))
        if distances[best] <= distance:
            track.person_id = known[int(near[best])].person_id


def _follow(
    context: Context, session: Session, video_id: int, space: EmbeddingSpace, *, hidden: bool = False
) -> Iterator[TrackResult]:
    tracker = Tracker(TrackSettings.for_distance(pack_of_space(context.settings, space).same_person_distance))
    # a change of pack leaves those in their old space that it could not measure anew
    stored = face_rows.in_video(session, video_id, hidden=hidden)
    faces = (face for face in stored if face.space_id == space.id)
    for _, group in groupby(faces, key=lambda face: face.sample):
        yield from tracker.add([observed(face) for face in group])
    yield from tracker.finish()


def _lone_tracks(
    context: Context, session: Session, video_id: int, space: EmbeddingSpace, *, hidden: bool = False
) -> Iterator[TrackResult]:
    settings = TrackSettings.for_distance(pack_of_space(context.settings, space).same_person_distance)
    for face in face_rows.in_video(session, video_id, hidden=hidden):
        if face.space_id == space.id:
            tracker = Tracker(settings)
            tracker.add([observed(face)])
            yield from tracker.finish()


def track_row(video_id: int, space_id: int, result: TrackResult) -> Track:
    """A track as it is stored."""
    return Track(
        video_id=video_id,
        space_id=space_id,
        start=result.start,
        end=result.end,
        face_count=result.face_count,
        quality=result.quality,
        usable=result.usable,
        best_face_id=result.best_key,
        embedding=vectors.encode(result.embedding),
    )


def observed(face: Face) -> Observation:
    """A stored face as it is followed."""
    return Observation(
        timestamp=face.timestamp,
        sample=face.sample if face.sample >= 0 else face.sample - HIDDEN,
        box=BoundingBox(face.x1, face.y1, face.x2, face.y2),
        embedding=vectors.decode(face.embedding),
        quality=Quality(face.quality, tuple(QualityReason(reason) for reason in face.quality_reasons)),
        key=face.id,
        until=face.shown_until,
    )
