"""Where somebody is seen, and with whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from app.domain import BoundingBox, IntArray
from app.models import Face, Person, Track, Video
from app.storage.findings import IS_SHOWN
from app.storage.rows import batches, integers
from app.storage.views.people import screen_seconds
from app.storage.views.shapes import FaceRow, TrackRow

FaceOrder = Literal["time", "track", "quality"]
FaceKey = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Where:
    """Which part of the library is meant; what is ``None`` does not restrict.

    Attributes:
        video_id: This video.
        since: Videos added at this moment or later.
        until: Videos added before this moment.
    """

    video_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self, video_id: Any) -> list[ColumnElement[bool]]:
        """As SQL, for rows whose video is ``video_id``."""
        found: list[ColumnElement[bool]] = []
        if self.video_id is not None:
            found.append(video_id == self.video_id)
        moments = []
        if self.since is not None:
            moments.append(Video.created_at >= self.since)
        if self.until is not None:
            moments.append(Video.created_at < self.until)
        if moments:
            found.append(video_id.in_(select(Video.id).where(*moments)))
        return found


@dataclass(frozen=True, slots=True)
class FaceFilter:
    """Which faces of a person are wanted; what is ``None`` does not restrict.

    Attributes:
        where: Where.
        track_id: Of this track.
        confirmed: Of tracks of which a user said, or did not say, that they are this person.
        usable: Of tracks that may, or may not, decide who is who.
        min_quality: Of at least this quality, 0..1.
    """

    where: Where = Where()
    track_id: int | None = None
    confirmed: bool | None = None
    usable: bool | None = None
    min_quality: float = 0.0


@dataclass(frozen=True, slots=True)
class PersonFace:
    """A face of a person.

    Attributes:
        face: The face.
        sample: Number of the frame.
        confirmed: Whether a user said that its track is this person.
        usable: Whether its track may decide who is who.
    """

    face: FaceRow
    sample: int
    confirmed: bool
    usable: bool


@dataclass(frozen=True, slots=True)
class VideoOfPerson:
    """A video that shows somebody, in numbers.

    Attributes:
        video_id: The video.
        tracks: How many tracks they have in it.
        faces: How many faces.
        confirmed: How many of the tracks a user has confirmed.
    """

    video_id: int
    tracks: int
    faces: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class Spans:
    """When people are on screen, as parallel arrays, one entry per track.

    Attributes:
        video_ids: ``int64``.
        person_ids: ``int64``.
        starts: ``float64`` seconds.
        ends: ``float64`` seconds, not before ``starts``; a picture of a set lasts no time.
    """

    video_ids: IntArray
    person_ids: IntArray
    starts: npt.NDArray[np.float64]
    ends: npt.NDArray[np.float64]


def videos_of(
    session: Session, person_id: int, where: Where, *, size: int, before: int | None = None
) -> list[VideoOfPerson]:
    """Videos that show a person, newest first.

    Args:
        session: The session.
        person_id: The person.
        where: Which part of the library.
        size: At most how many.
        before: Only videos with a lower id than this.
    """
    confirmed = func.sum(case((Track.confirmed, 1), else_=0))
    query = select(Track.video_id, func.count(Track.id), func.sum(Track.face_count), confirmed)
    query = query.where(Track.person_id == person_id, *where.conditions(Track.video_id))
    if before is not None:
        query = query.where(Track.video_id < before)
    query = query.group_by(Track.video_id).order_by(Track.video_id.desc()).limit(size)
    return [
        VideoOfPerson(video, tracks, int(faces), int(sure)) for video, tracks, faces, sure in session.execute(query)
    ]


def tracks_of(session: Session, person_id: int, video_ids: Sequence[int]) -> list[tuple[TrackRow, bool]]:
    """A person's tracks in some videos by time, each with whether a user has confirmed it."""
    columns = (Track.id, Track.video_id, Track.person_id, Track.start, Track.end, Track.face_count, Track.quality)
    query = (
        select(*columns, Track.usable, Face.crop_key, Face.timestamp, Track.confirmed)
        .outerjoin(Face, Face.id == Track.best_face_id)
        .where(Track.person_id == person_id, Track.video_id.in_(video_ids))
        .order_by(Track.video_id, Track.start, Track.id)
    )
    return [(TrackRow(*row[:-1]), row[-1]) for row in cast("list[Any]", session.execute(query).all())]


def faces_of(
    session: Session, person_id: int, wanted: FaceFilter, order: FaceOrder, *, size: int, after: FaceKey | None = None
) -> list[PersonFace]:
    """The next faces of a person.

    Args:
        session: The session.
        person_id: The person.
        wanted: Which faces.
        order: By video and time; by track and time; or the best first.
        size: At most how many.
        after: :func:`face_key` of the last face of the piece before.
    """
    query = _faces(person_id, wanted)
    if order == "quality":
        if after is not None:
            worse = or_(Face.quality < after[0], and_(Face.quality == after[0], Face.id > int(after[1])))
            query = query.where(Face.quality <= after[0], worse)
        query = query.order_by(Face.quality.desc(), Face.id)
    else:
        key = (Face.video_id, Face.timestamp, Face.id) if order == "time" else (Face.track_id, Face.sample, Face.id)
        if after is not None:
            query = query.where(tuple_(*key) > after)
        query = query.order_by(*key)
    return [_face(row) for row in session.execute(query.limit(size))]


def face_key(found: PersonFace, order: FaceOrder) -> FaceKey:
    """Where a face stands in an order."""
    face = found.face
    if order == "quality":
        return face.quality, face.id
    return (face.video_id, face.timestamp, face.id) if order == "time" else (face.track_id or 0, found.sample, face.id)


def exists(session: Session, person_id: int) -> bool:
    """Whether there is such a person."""
    return session.scalar(select(Person.id).where(Person.id == person_id)) is not None


def most_seen(session: Session, number: int) -> list[int]:
    """The people with the most faces, hidden and ignored ones aside."""
    query = (
        select(Track.person_id)
        .join(Person, Person.id == Track.person_id)
        .where(~Person.hidden, ~Person.ignored)
        .group_by(Track.person_id)
        .order_by(func.sum(Track.face_count).desc(), Track.person_id)
    )
    return [key for key in session.scalars(query.limit(number)) if key is not None]


def spans_of(session: Session, people: Sequence[int], where: Where, *, default_interval: float) -> Spans:
    """When these people are on screen."""
    query = _spans(default_interval).where(*where.conditions(Track.video_id))
    rows: list[Any] = []
    for part in batches(people):
        rows += session.execute(query.where(Track.person_id.in_(part))).all()
    return _as_spans(rows)


def spans_around(session: Session, person_id: int, where: Where, *, default_interval: float) -> Spans:
    """When anybody is on screen in the videos that show a person; hidden and ignored people only where it is they."""
    videos = select(Track.video_id).where(Track.person_id == person_id, *where.conditions(Track.video_id))
    query = (
        _spans(default_interval)
        .join(Person, Person.id == Track.person_id)
        .where(Track.video_id.in_(videos), or_(Person.id == person_id, and_(~Person.hidden, ~Person.ignored)))
    )
    return _as_spans(session.execute(query).all())


def shared_frames(session: Session, person_id: int, where: Where) -> dict[int, int]:
    """In how many sampled frames each other person is seen beside this one."""
    mine, theirs = aliased(Face), aliased(Face)
    query = (
        select(theirs.person_id, mine.video_id, mine.sample)
        .join(theirs, _beside(mine, theirs))
        .where(mine.person_id == person_id, theirs.person_id.is_not(None), theirs.person_id != person_id)
        .where(*where.conditions(mine.video_id))
        .distinct()
        .subquery()
    )
    counted = select(query.c.person_id, func.count()).group_by(query.c.person_id)
    return {row[0]: row[1] for row in session.execute(counted)}


def frames_among(session: Session, people: Sequence[int], where: Where) -> dict[tuple[int, int], int]:
    """In how many sampled frames each two of these people are seen, the lower id first."""
    mine, theirs = aliased(Face), aliased(Face)
    query = (
        select(mine.person_id.label("one"), theirs.person_id.label("other"), mine.video_id, mine.sample)
        .join(theirs, _beside(mine, theirs))
        .where(mine.person_id.in_(people), theirs.person_id.in_(people), mine.person_id < theirs.person_id)
        .where(*where.conditions(mine.video_id))
        .distinct()
        .subquery()
    )
    counted = select(query.c.one, query.c.other, func.count()).group_by(query.c.one, query.c.other)
    return {(row[0], row[1]): row[2] for row in session.execute(counted)}


def _beside(mine: type[Face], theirs: type[Face]) -> ColumnElement[bool]:
    shown = and_(mine.sample >= 0, ~mine.dismissed, ~theirs.dismissed)
    return and_(theirs.video_id == mine.video_id, theirs.sample == mine.sample, shown)


def _spans(default_interval: float) -> Any:
    return select(
        Track.video_id, Track.person_id, Track.start, (Track.start + screen_seconds(default_interval)).label("end")
    ).join(Video, Video.id == Track.video_id)


def _as_spans(rows: Sequence[Any]) -> Spans:
    videos, people, starts, ends = zip(*rows, strict=True) if rows else ((),) * 4
    return Spans(integers(videos), integers(people), np.array(starts, np.float64), np.array(ends, np.float64))


def _faces(person_id: int, wanted: FaceFilter) -> Select[Any]:
    columns = (
        Face.id,
        Face.video_id,
        Face.track_id,
        Face.person_id,
        Face.timestamp,
        Face.x1,
        Face.y1,
        Face.x2,
        Face.y2,
    )
    query = (
        select(*columns, Face.confidence, Face.quality, Face.quality_reasons, Face.crop_key, Face.sample)
        .add_columns(Track.confirmed, Track.usable)
        .join(Track, Track.id == Face.track_id)
        .where(Face.person_id == person_id, IS_SHOWN, ~Face.dismissed, *wanted.where.conditions(Face.video_id))
    )
    if wanted.track_id is not None:
        query = query.where(Face.track_id == wanted.track_id)
    if wanted.confirmed is not None:
        query = query.where(Track.confirmed.is_(wanted.confirmed))
    if wanted.usable is not None:
        query = query.where(Track.usable.is_(wanted.usable))
    return query.where(Face.quality >= wanted.min_quality) if wanted.min_quality > 0 else query


def _face(row: Any) -> PersonFace:
    face = FaceRow(
        id=row.id,
        video_id=row.video_id,
        track_id=row.track_id,
        person_id=row.person_id,
        timestamp=row.timestamp,
        box=BoundingBox(row.x1, row.y1, row.x2, row.y2),
        confidence=row.confidence,
        quality=row.quality,
        reasons=tuple(str(reason) for reason in row.quality_reasons or ()),
        crop_key=row.crop_key,
    )
    return PersonFace(face, row.sample, row.confirmed, row.usable)
