"""What the review shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import MediaKind
from app.models import Face, Person, Track, Video
from app.storage.rows import batches


@dataclass(frozen=True, slots=True)
class Sample:
    """A face to look at, with where it comes from.

    Attributes:
        face_id: The face.
        track_id: Its track, or ``None``.
        crop_key: Its picture.
        video_id: The video.
        video_title: Its title.
        media_kind: Moving pictures or stills.
        timestamp: Seconds, or the number of the picture from 0.
        quality: 0..1.
        added_at: When the video came into the library.
    """

    face_id: int
    track_id: int | None
    crop_key: str
    video_id: int
    video_title: str
    media_kind: MediaKind
    timestamp: float
    quality: float
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Subject:
    """A person of a question.

    Attributes:
        id: The person.
        name: Their name, or ``None``.
        favourite: Whether a user marked them.
        face_count: Faces.
        track_count: Tracks.
        video_count: Videos.
    """

    id: int
    name: str | None
    favourite: bool
    face_count: int
    track_count: int
    video_count: int

    @property
    def label(self) -> str:
        """The name, or a stand-in that tells unnamed people apart."""
        return self.name or f"Person {self.id}"


def askable(session: Session) -> dict[int, tuple[int, str | None]]:
    """Number of faces, and name, of the people who have a face and are neither hidden nor ignored."""
    query = (
        select(Person.id, func.sum(Track.face_count), Person.name)
        .join(Track, Track.person_id == Person.id)
        .where(~Person.hidden, ~Person.ignored)
        .group_by(Person.id, Person.name)
    )
    return {key: (int(faces), name) for key, faces, name in session.execute(query)}


def shown_people(session: Session, people: Iterable[int]) -> set[int]:
    """Those of these people who are there, and neither hidden nor ignored."""
    query = select(Person.id).where(Person.id.in_(sorted(set(people))), ~Person.hidden, ~Person.ignored)
    return set(session.scalars(query))


def nobodys(session: Session, tracks: Iterable[int]) -> set[int]:
    """Those of these tracks that are there, and nobody's."""
    query = select(Track.id).where(Track.id.in_(sorted(set(tracks))), Track.person_id.is_(None), Track.face_count > 0)
    return set(session.scalars(query))


def best_faces(session: Session, people: Sequence[int]) -> dict[int, int]:
    """The face to show of each person: their cover, else the best of their best track."""
    found: dict[int, int] = {}
    for part in batches(people):
        cover = (
            select(Person.id, Face.id).join(Face, Face.id == Person.cover_face_id).where(Face.person_id == Person.id)
        )
        found.update((key, face) for key, face in session.execute(cover.where(Person.id.in_(part), ~Face.dismissed)))
    for part in batches([person for person in people if person not in found]):
        order = (Track.usable.desc(), Track.quality.desc(), Track.id)
        rank = func.row_number().over(partition_by=Track.person_id, order_by=order).label("rank")
        ranked = select(Track.person_id, Track.best_face_id, rank).join(Face, Face.id == Track.best_face_id)
        best = ranked.where(Track.person_id.in_(part), ~Face.dismissed).subquery()
        query = select(best.c.person_id, best.c.best_face_id).where(best.c.rank == 1)
        found.update((key, face) for key, face in session.execute(query))
    return found


def best_faces_of_tracks(session: Session, tracks: Sequence[int]) -> dict[int, int]:
    """The best face of each track."""
    found: dict[int, int] = {}
    for part in batches(tracks):
        query = select(Track.id, Face.id).join(Face, Face.id == Track.best_face_id).where(Track.id.in_(part))
        found.update((key, face) for key, face in session.execute(query))
    return found


def subjects(session: Session, people: Iterable[int]) -> dict[int, Subject]:
    """The people of these ids who are there, in one statement."""
    wanted = sorted(set(people))
    query = (
        select(
            Person.id,
            Person.name,
            Person.favourite,
            func.coalesce(func.sum(Track.face_count), 0),
            func.count(Track.id),
            func.count(Track.video_id.distinct()),
        )
        .outerjoin(Track, Track.person_id == Person.id)
        .where(Person.id.in_(wanted))
        .group_by(Person.id)
    )
    return {row[0]: Subject(row[0], row[1], row[2], int(row[3]), row[4], row[5]) for row in session.execute(query)}


def samples(session: Session, faces: Iterable[int]) -> dict[int, Sample]:
    """These faces, those that are there, in one statement."""
    query = _samples().where(Face.id.in_(sorted(set(faces))))
    return {row[0]: Sample(*row) for row in session.execute(query)}


def _samples() -> Any:
    return select(
        Face.id,
        Face.track_id,
        Face.crop_key,
        Face.video_id,
        Video.title,
        Video.media_kind,
        Face.timestamp,
        Face.quality,
        Video.created_at,
    ).join(Video, Video.id == Face.video_id)
