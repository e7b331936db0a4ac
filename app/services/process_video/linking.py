"""Follows the stored faces of a video and stores them as tracks; people stay who they were."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import Any, Protocol

from sqlalchemy.orm import Session

from app.media.scenes import Shots
from app.models import EmbeddingSpace, Job
from app.services.context import Context
from app.services.grouping import place_newcomers
from app.services.models.choose import pack_of_space
from app.services.process_video.handover import Links, match_faces, replace_tracks
from app.services.process_video.rows import observed
from app.services.track_rules import track_settings
from app.storage import decisions
from app.storage import faces as face_rows
from app.storage import spaces as space_rows
from app.storage.rows import serialize_findings
from app.vision.track import Tracker, TrackResult

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
    new track belongs, until the next grouping, to the person whose faces its own were, and what users decided goes on:
    see :mod:`app.services.process_video.handover`.

    Args:
        context: The context.
        run: Owns the job.
        video_id: The video; all its faces are stored.
        alone: Each face is a track of its own, as in a set of pictures.
    """
    started = time.perf_counter()
    while not _link(context, run, video_id, alone):
        run.check()
    place_newcomers(context, run, video_id)
    seconds = round(time.perf_counter() - started, 3)
    logger.info("tracks linked", extra={"job_id": run.job_id, "video_id": video_id, "seconds": seconds})


def _link(context: Context, run: Owner, video_id: int, alone: bool) -> bool:
    """Returns False where the library changed meanwhile: the tracks were of vectors, or of decisions, that are gone."""
    hidden = bool(run.params.get("hidden"))
    with context.database.session() as session:
        space = space_rows.pinned(session)
        matched = match_faces(context, session, video_id, space, hidden=hidden)
        dismissed = decisions.dismissed_in(session, video_id)
        follow = _lone_tracks if alone else _follow
        skip = matched.dismissed
        results = list(follow(context, session, video_id, space, hidden=hidden, skip=skip)) if space else []
    with context.database.write() as session:
        run.fence(session)
        present = space_rows.hold(session)
        if space is not None and (present is None or present.name != space.name):
            return False
        serialize_findings(session)
        known = decisions.read(session, video_id)
        if known.dismissed != dismissed:
            return False
        gone = replace_tracks(context, session, Links(video_id, space, results, known, matched), hidden=hidden)
        if hidden:
            run.params["hidden"] = False
            session.get_one(Job, run.job_id).params = dict(run.params)
    for key in gone:
        context.blobs.delete(key)
    return True


def _follow(
    context: Context, session: Session, video_id: int, space: EmbeddingSpace, *, hidden: bool, skip: Collection[int]
) -> Iterator[TrackResult]:
    tracker = Tracker(track_settings(context.settings, pack_of_space(context.settings, space)))
    # a change of pack leaves those in their old space that it could not measure anew; dismissed ones are no faces
    stored = face_rows.in_video(session, video_id, hidden=hidden)
    faces = (face for face in stored if face.space_id == space.id and face.id not in skip)
    shots = Shots()
    for _, group in groupby(faces, key=lambda face: face.sample):
        seen = list(group)
        shot = shots.number(seen[0].scene)
        yield from tracker.add([observed(face, shot) for face in seen])
    yield from tracker.finish()


def _lone_tracks(
    context: Context, session: Session, video_id: int, space: EmbeddingSpace, *, hidden: bool, skip: Collection[int]
) -> Iterator[TrackResult]:
    settings = track_settings(context.settings, pack_of_space(context.settings, space))
    for face in face_rows.in_video(session, video_id, hidden=hidden):
        if face.space_id == space.id and face.id not in skip:
            tracker = Tracker(settings)
            tracker.add([observed(face)])
            yield from tracker.finish()
