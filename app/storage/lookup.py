"""Queries of the search: whose faces were found, where and when they are seen, and which ones may be found at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.domain import BoundingBox, FloatArray, IntArray, MediaKind
from app.models import EmbeddingSpace, Face, Person, Picture, Track, Video, VideoSource
from app.storage import vectors
from app.storage.face_vectors import IS_FOUND
from app.storage.rows import batches

IS_FOR_EVERYBODY: ColumnElement[bool] = or_(
    Person.id.is_(None), and_(Person.hidden.is_(False), Person.ignored.is_(False))
)
"""What a face's person must be, in a query with an outer join of them, unless they are asked for."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Where a face belongs; ids of its video, its track and its person, where it has them."""

    video_id: int
    track_id: int | None
    person_id: int | None


@dataclass(frozen=True, slots=True)
class FaceDescription:
    """What a page or a table says about a face; ``timestamp`` is the number of its picture, from 0, in a set of stills."""

    face_id: int
    video_id: int
    video_title: str
    timestamp: float
    person_id: int | None
    person_name: str | None
    crop_key: str
    media_kind: MediaKind
    track_id: int | None
    quality: float
    box: BoundingBox


def owners(session: Session, face_ids: Sequence[int], *, with_hidden: bool = False) -> dict[int, Owner]:
    """Where faces belong, by face; those that cannot be found (any more) are missing.

    Args:
        session: A session.
        face_ids: The faces.
        with_hidden: Whether faces of people who are hidden or ignored count.
    """
    query = select(Face.id, Face.video_id, Face.track_id, Face.person_id).outerjoin(Person, Person.id == Face.person_id)
    query = query.where(*IS_FOUND) if with_hidden else query.where(*IS_FOUND, IS_FOR_EVERYBODY)
    found: dict[int, Owner] = {}
    for part in batches(face_ids, 5_000):
        found |= {row[0]: Owner(*row[1:]) for row in session.execute(query.where(Face.id.in_(part)))}
    return found


def describe_faces(session: Session, face_ids: Sequence[int]) -> dict[int, FaceDescription]:
    """Describes faces by id; those that were deleted meanwhile are missing."""
    columns = (Face.id, Face.video_id, Video.title, Face.timestamp, Face.person_id, Person.name, Face.crop_key)
    more = (Video.media_kind, Face.track_id, Face.quality, Face.x1, Face.y1, Face.x2, Face.y2)
    query = (
        select(*columns, *more)
        .join(Video, Video.id == Face.video_id)
        .outerjoin(Person, Person.id == Face.person_id)
        .where(*IS_FOUND)
    )
    found: dict[int, FaceDescription] = {}
    for part in batches(face_ids, 5_000):
        for row in session.execute(query.where(Face.id.in_(part))):
            sides = {name: float(getattr(row, name)) for name in ("x1", "y1", "x2", "y2")}
            found[row[0]] = FaceDescription(*row[:10], BoundingBox(**sides))
    return found


@dataclass(frozen=True, slots=True)
class PersonNote:
    """A person's name and the crop that stands for them."""

    name: str | None
    cover_key: str | None


def notes_of(session: Session, person_ids: Sequence[int]) -> dict[int, PersonNote]:
    """People by id; those who are gone are missing."""
    query = select(Person.id, Person.name, Face.crop_key).outerjoin(Face, Face.id == Person.cover_face_id)
    found: dict[int, PersonNote] = {}
    for part in batches(person_ids, 5_000):
        found |= {row[0]: PersonNote(*row[1:]) for row in session.execute(query.where(Person.id.in_(part)))}
    return found


def person_vector(session: Session, space: EmbeddingSpace, person_id: int) -> FloatArray | None:
    """What a person looks like on average: the mean of their tracks, by number of faces.

    Returns:
        ``float32`` (dimension,), unit length; ``None`` for a person without a face in this space.
    """
    query = select(Track.embedding, Track.face_count, Track.usable).where(
        Track.person_id == person_id, Track.space_id == space.id
    )
    rows = session.execute(query).all()
    chosen = [row for row in rows if row.usable] or rows
    if not chosen:
        return None
    weights = np.array([max(row.face_count, 1) for row in chosen], np.float32)
    mean: FloatArray = weights @ vectors.decode_many([row.embedding for row in chosen], space.dimension)
    length = float(np.linalg.norm(mean))
    return mean / np.float32(length) if length > 0 else None


@dataclass(frozen=True, slots=True)
class Limits:
    """Which faces may be found.

    Attributes:
        videos: Only in these; anywhere when empty.
        people: Only of these; of anybody when empty.
        after: Not before this day.
        before: Not after this day.
    """

    videos: tuple[int, ...] = ()
    people: tuple[int, ...] = ()
    after: date | None = None
    before: date | None = None

    def __bool__(self) -> bool:
        return bool(self.videos or self.people or self.after or self.before)


def faces_within(session: Session, space: EmbeddingSpace, limits: Limits) -> IntArray:
    """Ids of the faces that may be found, ``int64``, ascending.

    A picture's day is the one on which it was taken; a video's the one on which it was published; where that is not
    known, the one on which it was added.
    """
    query = select(Face.id).where(Face.space_id == space.id, *IS_FOUND).order_by(Face.id)
    if limits.videos:
        query = query.where(Face.video_id.in_(limits.videos))
    if limits.people:
        query = query.where(Face.person_id.in_(limits.people))
    if not (limits.after or limits.before):
        return np.array(session.scalars(query).all(), np.int64)
    first, last = str(limits.after or date.min), str(limits.before or date.max)
    query = query.outerjoin(Picture, and_(Picture.video_id == Face.video_id, Picture.number == Face.sample))
    found = list(session.scalars(query.where(func.substr(Picture.taken_at, 1, 10).between(first, last))))
    for part in batches(_videos_between(session, first, last), 20_000):
        found += session.scalars(query.where(Picture.taken_at.is_(None), Face.video_id.in_(part)))
    return np.sort(np.array(found, np.int64))


def _videos_between(session: Session, first: str, last: str) -> list[int]:
    query = (
        select(Video.id, Video.created_at, func.min(VideoSource.published_on))
        .outerjoin(VideoSource, VideoSource.video_id == Video.id)
        .group_by(Video.id, Video.created_at)
    )
    days = {number: published or str(added.date()) for number, added, published in session.execute(query)}
    return [number for number, day in days.items() if first <= day <= last]


def missing(session: Session, limits: Limits) -> dict[str, list[int]]:
    """Videos and people of limits that do not exist, by noun."""
    found: dict[str, list[int]] = {}
    for noun, column, ids in (("video", Video.id, limits.videos), ("person", Person.id, limits.people)):
        there: set[int] = set()
        for part in batches(ids, 5_000):
            there.update(session.scalars(select(column).where(column.in_(part))))
        found[noun] = [number for number in ids if number not in there]
    return found
