"""Works out what a change of pack would make of tracks and people, without writing anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import BoundingBox, IntArray, Quality, QualityReason
from app.models import Face, Person, StagedFace, Track
from app.services.context import Context
from app.services.grouping import Decision, LibraryState
from app.services.migrate_pack.report import State
from app.storage import clustering_runs as run_rows
from app.storage import migration as stage_rows
from app.storage import people as people_rows
from app.storage import rules as rule_rows
from app.storage import tracks as track_rows
from app.storage import vectors
from app.storage.migration import NewTrack
from app.storage.rows import NOBODY
from app.vision import Pack
from app.vision.track import Observation, TrackSettings, summarise

PAGE = 1_000


@dataclass(frozen=True)
class Plan:
    """What the library would be.

    Attributes:
        tracks: What the new pack says of each track.
        state: The library as the new pack sees it.
        decision: Whose each track would be.
        named: Ids of the people who have a name.
    """

    tracks: list[NewTrack]
    state: LibraryState
    decision: Decision
    named: Collection[int]

    @property
    def person_ids(self) -> IntArray:
        """``int64`` (n,): person of each node afterwards, -1 for nobody, less for somebody new."""
        return self.decision.person_ids

    @property
    def changed_tracks(self) -> int:
        """How many tracks change hands."""
        return len(self.state.plan(self.decision))


def new_tracks(
    session: Session, video_id: int, measured: Iterable[StagedFace], settings: TrackSettings
) -> list[NewTrack]:
    """Describes the tracks of a video as they are with new vectors; which faces a track has stays as it is.

    Args:
        session: A session.
        video_id: The video.
        measured: What is known of its faces.
        settings: For the new pack.

    Returns:
        The tracks with at least one face that could be measured, described by those of its faces.
    """
    known = {one.face_id: one for one in measured if one.embedding is not None}
    by_track: dict[int, list[Observation]] = {}
    last = (-1, -1)
    while page := stage_rows.faces_page(session, video_id, last, PAGE):
        for face in page:
            if face.track_id is not None and face.id in known:
                by_track.setdefault(face.track_id, []).append(_observed(face, known[face.id]))
        last = (page[-1].sample, page[-1].ordinal)
    return [_new_track(track_id, faces, settings) for track_id, faces in by_track.items()]


def _observed(face: Face, measured: StagedFace) -> Observation:
    return Observation(
        timestamp=face.timestamp,
        sample=face.sample,
        box=BoundingBox(face.x1, face.y1, face.x2, face.y2),
        embedding=vectors.decode(measured.embedding or b""),
        quality=Quality(measured.quality, tuple(QualityReason(reason) for reason in measured.quality_reasons)),
        key=face.id,
    )


def _new_track(track_id: int, faces: list[Observation], settings: TrackSettings) -> NewTrack:
    result = summarise(faces, settings)
    embedding = vectors.encode(result.embedding)
    return NewTrack(track_id, embedding, result.quality, result.usable, result.best_key)


def staged_tracks(session: Session, settings: TrackSettings) -> list[NewTrack]:
    """:func:`new_tracks` of the whole library, from what is staged."""
    return [
        track
        for video in stage_rows.videos_with_faces(session)
        for track in new_tracks(session, video.id, stage_rows.staged_in(session, video.id), settings)
    ]


def make_plan(context: Context, session: Session, tracks: list[NewTrack], pack: Pack) -> Plan:
    """Groups the library as it would be; people go on as themselves, and what users said holds."""
    nodes = stage_rows.nodes_of(session, tracks, pack.dimension)
    house = rule_rows.load(session, track_rows.seen_together(session))
    state = LibraryState(pack, nodes, house, since=run_rows.last_event(session))
    decision = Decision(np.empty(0, np.int64))
    if len(nodes):
        decision = state.decide(context.settings)
    return Plan(tracks, state, decision, people_rows.named(session))


def state_of(session: Session, pack: str) -> State:
    """The library as it is."""
    owned = set(session.scalars(select(Track.person_id).where(Track.person_id.is_not(None)).distinct()))
    named = people_rows.named(session)
    return State(
        pack=pack,
        people=people_rows.count(session),
        named=len(named),
        named_seen=len(owned & set(named)),
        usable_tracks=_count(session, Track.usable),
        owned_tracks=_count(session, Track.person_id.is_not(None)),
    )


def state_after(session: Session, plan: Plan, pack: str) -> State:
    """The library as it would be: :func:`state_of` after the change."""
    nodes = plan.state.nodes
    placed = set(nodes.ids.tolist()) if nodes is not None else set()
    usable = int(nodes.usable.sum()) if nodes is not None else 0
    rows = session.execute(select(Track.id, Track.person_id, Track.usable)).all()
    left = [row for row in rows if row.id not in placed]
    owned = {int(person) for person in np.unique(plan.person_ids[plan.person_ids >= 0])}
    owned |= {row.person_id for row in left if row.person_id is not None}
    return State(
        pack=pack,
        people=len((owned | set(plan.named)) & set(session.scalars(select(Person.id)))) + plan.decision.new_people,
        named=len(plan.named),
        named_seen=len(owned & set(plan.named)),
        usable_tracks=usable + sum(row.usable for row in left),
        owned_tracks=int((plan.person_ids != NOBODY).sum()) + sum(row.person_id is not None for row in left),
    )


def _count(session: Session, condition: object) -> int:
    return session.scalar(select(func.count()).select_from(Track).where(condition)) or 0  # type: ignore[arg-type]
