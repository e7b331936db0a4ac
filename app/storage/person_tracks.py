"""The tracks of one person, as arrays, with the rules among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from app.domain import FloatArray, IntArray, RuleKind
from app.models import EmbeddingSpace, Face, LinkRule, Track
from app.storage import vectors
from app.storage.rows import integers


@dataclass(frozen=True)
class PersonTracks:
    """Tracks of a person as parallel arrays of length n, ordered by id.

    Attributes:
        ids: ``int64``.
        video_ids: ``int64``.
        face_counts: ``int64``.
        best_faces: ``int64`` ids of faces, -1 for none.
        qualities: ``float32`` 0..1.
        usable: ``bool``; tracks of other spaces are not usable.
        confirmed: ``bool``.
        embeddings: ``float32`` (n, dimension), unit length; zeros for tracks of other spaces.
        apart: ``int64`` (m, 2) places in these arrays: pairs that are two people.
        same: ``int64`` (k, 2) places: pairs that a user called one person.
    """

    ids: IntArray
    video_ids: IntArray
    face_counts: IntArray
    best_faces: IntArray
    qualities: FloatArray
    usable: npt.NDArray[np.bool_]
    confirmed: npt.NDArray[np.bool_]
    embeddings: FloatArray
    apart: IntArray
    same: IntArray


def tracks_of_person(session: Session, person_id: int, space: EmbeddingSpace | None) -> PersonTracks:
    """All tracks of a person.

    Args:
        session: A session.
        person_id: The person.
        space: The space in which they are to be compared.
    """
    columns = (Track.id, Track.video_id, Track.face_count, Track.best_face_id, Track.quality)
    query = select(*columns, Track.usable, Track.confirmed, Track.space_id, Track.embedding)
    rows = session.execute(query.where(Track.person_id == person_id).order_by(Track.id)).all()
    here = np.array([space is not None and row.space_id == space.id for row in rows], dtype=np.bool_)
    dimension = space.dimension if space is not None else 1
    embeddings = np.zeros((len(rows), dimension), np.float32)
    if here.any():
        own = [row.embedding for row, mine in zip(rows, here, strict=True) if mine]
        embeddings[here] = vectors.decode_many(own, dimension)
    ids = integers([row.id for row in rows])
    return PersonTracks(
        ids=ids,
        video_ids=integers([row.video_id for row in rows]),
        face_counts=integers([max(row.face_count, 1) for row in rows]),
        best_faces=integers([row.best_face_id for row in rows]),
        qualities=np.array([row.quality for row in rows], dtype=np.float32),
        usable=np.array([row.usable for row in rows], dtype=np.bool_) & here,
        confirmed=np.array([row.confirmed for row in rows], dtype=np.bool_),
        embeddings=embeddings,
        apart=_places(ids, [*_seen_together(session, person_id), *_rules(session, person_id, RuleKind.DIFFERENT)]),
        same=_places(ids, _rules(session, person_id, RuleKind.SAME)),
    )


def _seen_together(session: Session, person_id: int) -> list[tuple[int, int]]:
    one, other = aliased(Face), aliased(Face)
    place = and_(
        other.video_id == one.video_id,
        other.sample == one.sample,
        other.person_id == person_id,
        other.track_id > one.track_id,
    )
    query = select(one.track_id, other.track_id).join(other, place).where(one.person_id == person_id).distinct()
    return [(first, second) for first, second in session.execute(query) if first is not None and second is not None]


def _rules(session: Session, person_id: int, kind: RuleKind) -> list[tuple[int, int]]:
    mine = select(Track.id).where(Track.person_id == person_id)
    query = select(LinkRule.track_id, LinkRule.other_track_id).where(
        LinkRule.kind == kind, LinkRule.track_id.in_(mine), LinkRule.other_track_id.in_(mine)
    )
    return [(first, second) for first, second in session.execute(query) if first is not None and second is not None]


def _places(ids: IntArray, pairs: list[tuple[int, int]]) -> IntArray:
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    known: IntArray = array[np.isin(array, ids).all(axis=1) & (array[:, 0] != array[:, 1])]
    return np.searchsorted(ids, known) if len(known) else known
