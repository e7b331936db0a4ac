"""Questions about faces and tracks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, defer

from app.domain import BoundingBox
from app.models import Face, Track
from app.storage.findings import IS_SHOWN
from app.storage.views.shapes import FaceRow, Page, TrackRow


def tracks_of_video(session: Session, video_id: int) -> list[TrackRow]:
    """All tracks of a video, by time."""
    return _tracks(session, _select_tracks().where(Track.video_id == video_id).order_by(Track.start, Track.id))


def tracks_of_person(session: Session, person_id: int, video_ids: Sequence[int]) -> list[TrackRow]:
    """A person's tracks in some videos, by time."""
    statement = _select_tracks().where(Track.person_id == person_id, Track.video_id.in_(video_ids))
    return _tracks(session, statement.order_by(Track.video_id, Track.start, Track.id))


def videos_of_person(session: Session, person_id: int, page: Page) -> list[int]:
    """Ids of the videos that show the person, newest video first."""
    statement = (
        select(Track.video_id)
        .where(Track.person_id == person_id)
        .group_by(Track.video_id)
        .order_by(Track.video_id.desc())
    )
    return list(session.scalars(statement.limit(page.size).offset(page.offset)))


def faces_of_video(session: Session, video_id: int, *, limit: int, offset: int = 0) -> list[FaceRow]:
    """Faces of a video by time."""
    statement = (
        select(Face).where(Face.video_id == video_id, IS_SHOWN, ~Face.dismissed).order_by(Face.timestamp, Face.ordinal)
    )
    return _faces(session, statement.limit(limit).offset(offset))


def unlinked_faces(session: Session, video_id: int, limit: int) -> list[FaceRow]:
    """The newest faces of a video that belong to no track yet: what a running job has just found."""
    statement = (
        select(Face)
        .where(Face.video_id == video_id, Face.track_id.is_(None), IS_SHOWN, ~Face.dismissed)
        .order_by(Face.id.desc())
    )
    return _faces(session, statement.limit(limit))


def faces_by_id(session: Session, ids: Sequence[int]) -> list[FaceRow]:
    """The faces with these ids that exist, in this order."""
    found = {face.id: face for face in _faces(session, select(Face).where(Face.id.in_(ids)))}
    return [found[face_id] for face_id in ids if face_id in found]


def faces_of_people(session: Session, person_ids: Sequence[int], per_person: int) -> dict[int, list[FaceRow]]:
    """The best faces of each person, best first, in one statement."""
    rank = func.row_number().over(partition_by=Face.person_id, order_by=(Face.quality.desc(), Face.id))
    ranked = select(Face.id.label("id"), rank.label("rank")).where(Face.person_id.in_(person_ids)).subquery()
    statement = select(Face).join(ranked, ranked.c.id == Face.id).where(ranked.c.rank <= per_person)
    found: dict[int, list[FaceRow]] = {person_id: [] for person_id in person_ids}
    for row in _faces(session, statement.order_by(Face.person_id, ranked.c.rank)):
        if row.person_id is not None:
            found[row.person_id].append(row)
    return found


def count_unassigned(session: Session) -> int:
    """Faces that belong to no person."""
    return session.scalar(select(func.count(Face.id)).where(Face.person_id.is_(None), ~Face.dismissed)) or 0


def _select_tracks() -> Select[*tuple[Any, ...]]:
    statement = select(Track, Face.crop_key, Face.timestamp).outerjoin(Face, Face.id == Track.best_face_id)
    return statement.options(defer(Track.embedding))


def _tracks(session: Session, statement: Select[*tuple[Any, ...]]) -> list[TrackRow]:
    return [
        TrackRow(
            id=found.id,
            video_id=found.video_id,
            person_id=found.person_id,
            start=found.start,
            end=found.end,
            face_count=found.face_count,
            quality=found.quality,
            usable=found.usable,
            crop_key=crop,
            best_timestamp=moment,
        )
        for found, crop, moment in session.execute(statement).all()
    ]


def _faces(session: Session, statement: Select[Face]) -> list[FaceRow]:
    return [
        FaceRow(
            id=found.id,
            video_id=found.video_id,
            track_id=found.track_id,
            person_id=found.person_id,
            timestamp=found.timestamp,
            box=BoundingBox(found.x1, found.y1, found.x2, found.y2),
            confidence=found.confidence,
            quality=found.quality,
            reasons=tuple(str(reason) for reason in found.quality_reasons or ()),
            crop_key=found.crop_key,
        )
        for found in session.scalars(statement.options(defer(Face.embedding), defer(Face.landmarks)))
    ]
