"""Tracks: the nodes of clustering, as arrays."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import and_, bindparam, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from app.domain import FloatArray, IntArray
from app.models import EmbeddingSpace, Face, Person, Track
from app.storage import faces as face_rows
from app.storage import vectors
from app.storage.rows import NOBODY, batches, integers, run, serialize_findings

# id, video, person, start, end, number of faces, quality, usable, embedding
NodeRow = tuple[int, int, int | None, float, float, int, float, bool, bytes]


@dataclass(frozen=True)
class TrackNodes:
    """Tracks of one space as parallel arrays of length n, ordered by id.

    Attributes:
        ids: ``int64``.
        video_ids: ``int64``.
        person_ids: ``int64``, -1 for nobody.
        starts: ``float64`` seconds of the first face.
        ends: ``float64`` seconds of the last face.
        face_counts: ``int64``.
        qualities: ``float32`` 0..1.
        usable: ``bool``.
        embeddings: ``float32`` (n, dimension), unit length.
    """

    ids: IntArray
    video_ids: IntArray
    person_ids: IntArray
    starts: npt.NDArray[np.float64]
    ends: npt.NDArray[np.float64]
    face_counts: IntArray
    qualities: FloatArray
    usable: npt.NDArray[np.bool_]
    embeddings: FloatArray

    def __len__(self) -> int:
        return len(self.ids)


def replace_for_video(session: Session, video_id: int, tracks: Sequence[tuple[Track, Sequence[int]]]) -> list[int]:
    """Replaces the tracks of a video; its faces get their new tracks and, until the next grouping, nobody.

    Args:
        session: A writing session.
        video_id: The video.
        tracks: New tracks, each with the ids of its faces.

    Returns:
        Ids of the new tracks, in the same order.
    """
    serialize_findings(session)
    run(session, update(Face).where(Face.video_id == video_id).values(track_id=None, person_id=None))
    run(session, delete(Track).where(Track.video_id == video_id))
    rows = [track for track, _ in tracks]
    session.add_all(rows)
    session.flush()
    face_rows.set_tracks(session, [(face, track.id) for track, faces in tracks for face in faces])
    return [track.id for track in rows]


def count(session: Session) -> int:
    """How many tracks there are."""
    return session.scalar(select(func.count()).select_from(Track)) or 0


def nodes(session: Session, space: EmbeddingSpace, *, usable_only: bool = False) -> TrackNodes:
    """All tracks of a space; 100,000 of 128 numbers take about 50 MB."""
    columns = (Track.id, Track.video_id, Track.person_id, Track.start, Track.end, Track.face_count)
    query = select(*columns, Track.quality, Track.usable, Track.embedding).where(Track.space_id == space.id)
    if usable_only:
        query = query.where(Track.usable)
    return as_nodes(session.execute(query.order_by(Track.id)).all(), space.dimension)


def some_nodes(
    session: Session, space: EmbeddingSpace, *, ids: Iterable[int] = (), people: Iterable[int] = ()
) -> TrackNodes:
    """Tracks of a space, by id or by person: quick in a large library."""
    columns = (Track.id, Track.video_id, Track.person_id, Track.start, Track.end, Track.face_count)
    query = select(*columns, Track.quality, Track.usable, Track.embedding).where(Track.space_id == space.id)
    found = {}
    for part in batches(sorted(set(ids))):
        found.update({row[0]: row for row in session.execute(query.where(Track.id.in_(part)))})
    for part in batches(sorted(set(people))):
        found.update({row[0]: row for row in session.execute(query.where(Track.person_id.in_(part)))})
    return as_nodes([found[key] for key in sorted(found)], space.dimension)


def without_person(session: Session, video_id: int, space: EmbeddingSpace) -> list[int]:
    """Tracks of a video that are nobody's."""
    query = select(Track.id).where(Track.video_id == video_id, Track.space_id == space.id, Track.person_id.is_(None))
    return list(session.scalars(query.order_by(Track.id)))


def owners(session: Session, track_ids: Iterable[int]) -> dict[int, int]:
    """Whose tracks are, :data:`NOBODY` for nobody's; those that are gone are missing."""
    found: dict[int, int] = {}
    for part in batches(sorted(set(track_ids))):
        rows = session.execute(select(Track.id, Track.person_id).where(Track.id.in_(part)))
        found.update((track, NOBODY if who is None else who) for track, who in rows)
    return found


def give(session: Session, owners: Mapping[int, int]) -> None:
    """Gives tracks that were nobody's to people, and their faces with them: for tracks that were just made.

    Args:
        session: A writing session.
        owners: Person by track.
    """
    serialize_findings(session)
    track = Track.__table__.c
    statement = update(Track).where(track.id == bindparam("track")).values(person_id=bindparam("person"))
    for part in batches(list(owners.items())):
        run(session, statement, [{"track": one, "person": who} for one, who in part])
    face_rows.follow_some(session, tracks=sorted(owners))


def as_nodes(found: Sequence[NodeRow], dimension: int) -> TrackNodes:
    """Puts tracks side by side, column by column, as clustering takes them.

    Args:
        found: The tracks, ordered by id; see :data:`NodeRow`.
        dimension: Length of the embeddings.
    """
    ids, videos, people, starts, ends, counts, qualities, usable, rows = (
        zip(*found, strict=True) if found else ((),) * 9
    )
    return TrackNodes(
        ids=integers(ids),
        video_ids=integers(videos),
        person_ids=integers(people),
        starts=np.array(starts, dtype=np.float64),
        ends=np.array(ends, dtype=np.float64),
        face_counts=integers(counts),
        qualities=np.array(qualities, dtype=np.float32),
        usable=np.array(usable, dtype=np.bool_),
        embeddings=vectors.decode_many(rows, dimension),
    )


def seen_together(session: Session, *, usable_only: bool = False, among: Collection[int] | None = None) -> IntArray:
    """Pairs of tracks that share a sampled frame: two faces of one frame are never one person, whatever their space.

    Args:
        session: A session.
        usable_only: Only pairs of usable tracks.
        among: Only pairs of which at least one is of these: quick in a large library.

    Returns:
        ``int64`` (m, 2) track ids, each pair once, the smaller id first.
    """
    if among is not None:
        return _seen_with(session, among)
    one, other = aliased(Face), aliased(Face)
    place = and_(
        other.video_id == one.video_id,
        other.sample == one.sample,
        other.track_id > one.track_id,
    )
    query = select(one.track_id, other.track_id).join(other, place).distinct()
    if usable_only:
        first, second = aliased(Track), aliased(Track)
        query = query.join(first, and_(first.id == one.track_id, first.usable))
        query = query.join(second, and_(second.id == other.track_id, second.usable))
    pairs = session.execute(query.order_by(one.track_id, other.track_id)).all()
    return np.array([tuple(pair) for pair in pairs], dtype=np.int64).reshape(-1, 2)


def _seen_with(session: Session, tracks: Collection[int]) -> IntArray:
    one, other = aliased(Face), aliased(Face)
    place = and_(other.video_id == one.video_id, other.sample == one.sample, other.track_id != one.track_id)
    query = select(one.track_id, other.track_id).join(other, place).distinct()
    found: set[tuple[int, int]] = set()
    for part in batches(sorted(tracks)):
        for first, second in session.execute(query.where(one.track_id.in_(part))):
            if first is not None and second is not None:
                found.add((min(first, second), max(first, second)))
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)


def assign_people(session: Session, track_ids: Iterable[int], person_ids: Iterable[int]) -> int:
    """Says which track is whom, and gives their faces the same person.

    Only tracks that change are written, in few statements. The decision may be older than the library: a track that
    was deleted meanwhile is passed over, and one whose person was deleted stays whose it was.

    Args:
        session: A writing session.
        track_ids: Tracks.
        person_ids: For each the person, -1 for nobody.

    Returns:
        How many faces changed hands.
    """
    serialize_findings(session)
    track = Track.__table__.c
    statement = update(Track).where(track.id == bindparam("track")).values(person_id=bindparam("person"))
    pairs = [(int(one), int(who)) for one, who in zip(track_ids, person_ids, strict=True)]
    for part in batches(_changed(session, pairs)):
        run(session, statement, [{"track": one, "person": None if who == NOBODY else who} for one, who in part])
    return face_rows.follow_tracks(session)


def _changed(session: Session, pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    present = {one: NOBODY if who is None else who for one, who in session.execute(select(Track.id, Track.person_id))}
    people = {NOBODY, *session.scalars(select(Person.id))}
    return [(one, who) for one, who in pairs if present.get(one, who) != who and who in people]
