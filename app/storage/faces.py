"""Faces: store them in bulk, read them as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, func, select, tuple_, update
from sqlalchemy.orm import Session, defer

from app.models import Face, Person, Picture, Track, Video
from app.storage.findings import HIDDEN, IS_SHOWN
from app.storage.rows import batches, run

CHUNK = 500


def add_many(session: Session, faces: Sequence[Face]) -> list[int]:
    """Stores faces in few statements.

    Returns:
        Their ids, in the same order.

    Raises:
        sqlalchemy.exc.IntegrityError: One of them is stored already, or its video is gone.
    """
    session.add_all(faces)
    session.flush()
    return [face.id for face in faces]


def in_video(session: Session, video_id: int, *, hidden: bool = False, chunk: int = CHUNK) -> Iterator[Face]:
    """Faces of a video in the order of (sample, ordinal), as a stream: memory does not grow with the video.

    Args:
        session: A session.
        video_id: The video.
        hidden: Those of a run that has not ended yet, instead of those that are seen.
        chunk: How many are read at a time.
    """
    query = select(Face).where(Face.video_id == video_id).order_by(Face.sample, Face.ordinal).limit(chunk)
    query = query.where(~IS_SHOWN if hidden else IS_SHOWN)
    last = (HIDDEN - 1, -1) if hidden else (-1, -1)
    while True:
        page = session.scalars(query.where(tuple_(Face.sample, Face.ordinal) > last)).all()
        yield from page
        if len(page) < chunk:
            return
        last = (page[-1].sample, page[-1].ordinal)


def count(session: Session, *, video_id: int | None = None, person_id: int | None = None) -> int:
    """How many faces there are, of a video or a person where given."""
    query = select(func.count()).select_from(Face).where(IS_SHOWN)
    if video_id is not None:
        query = query.where(Face.video_id == video_id)
    if person_id is not None:
        query = query.where(Face.person_id == person_id)
    return session.scalar(query) or 0


def set_tracks(session: Session, tracks: Mapping[int, int] | Iterable[tuple[int, int]]) -> None:
    """Says which face belongs to which track.

    Args:
        session: A writing session.
        tracks: Pairs of face id and track id.
    """
    pairs = list(tracks.items() if isinstance(tracks, Mapping) else tracks)
    statement = update(Face).where(Face.id == bindparam("face")).values(track_id=bindparam("track"))
    for part in batches(pairs):
        run(session, statement, [{"face": face, "track": track} for face, track in part])


def follow_tracks(session: Session, *, video_id: int | None = None) -> int:
    """Gives each face the person of its track; a face without a track, or whose track has nobody, has nobody.

    One statement that writes only what changes.

    Returns:
        How many faces changed.
    """
    person = select(Track.person_id).where(Track.id == Face.track_id).scalar_subquery()
    statement = update(Face).where(Face.person_id.is_distinct_from(person)).values(person_id=person)
    return run(session, statement if video_id is None else statement.where(Face.video_id == video_id))


def follow_some(session: Session, *, tracks: Sequence[int], faces: Sequence[int] = ()) -> int:
    """Same as :func:`follow_tracks`, for the faces of some tracks and for some faces: quick in a large library.

    Returns:
        How many faces changed.
    """
    person = select(Track.person_id).where(Track.id == Face.track_id).scalar_subquery()
    statement = update(Face).where(Face.person_id.is_distinct_from(person)).values(person_id=person)
    changed = sum(run(session, statement.where(Face.track_id.in_(part))) for part in batches(tracks))
    return changed + sum(run(session, statement.where(Face.id.in_(part))) for part in batches(faces))


@dataclass(frozen=True, slots=True)
class FaceRecord:
    """A face with the names around it, for export.

    Attributes:
        face: The face, without its vector.
        file_name: Name of its video's file.
        person_name: Name of its person, where it has one.
        picture_name: Name of its picture's file, in a set of pictures.
        aliases: Other names of its person.
        confirmed: A user said that it is that person.
    """

    face: Face
    file_name: str
    person_name: str | None
    picture_name: str | None
    aliases: list[str]
    confirmed: bool


def records(session: Session, *, chunk: int = 2_000) -> Iterator[FaceRecord]:
    """Every face of the library but those of which a user said that they are none, by video, sample and ordinal.

    It is a stream.
    """
    place = tuple_(Face.video_id, Face.sample, Face.ordinal)
    query = (
        select(Face, Video.file_name, Person.name, Picture.file_name, Person.aliases, Track.confirmed)
        .join(Video, Video.id == Face.video_id)
        .outerjoin(Person, Person.id == Face.person_id)
        .outerjoin(Track, Track.id == Face.track_id)
        .outerjoin(Picture, and_(Picture.video_id == Face.video_id, Picture.number == Face.sample))
        .where(IS_SHOWN, ~Face.dismissed)
        .order_by(Face.video_id, Face.sample, Face.ordinal)
        .options(defer(Face.embedding, raiseload=True), defer(Face.landmarks, raiseload=True))
        .limit(chunk)
    )
    last = (-1, -1, -1)
    while rows := session.execute(query.where(place > last)).all():
        for face, file_name, name, picture, aliases, confirmed in rows:
            yield FaceRecord(face, file_name, name, picture, list(aliases or []), bool(confirmed))
        end: Face = rows[-1][0]
        last = (end.video_id, end.sample, end.ordinal)
