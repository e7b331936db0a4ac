"""Tracks as vectors, in pieces: what means of people are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import FloatArray, IntArray
from app.models import EmbeddingSpace, PersonEvent, Track
from app.storage import vectors
from app.storage.rows import integers

Mark = tuple[int, ...]

_COLUMNS = (Track.id, Track.person_id, Track.face_count, Track.usable, Track.embedding)


@dataclass(frozen=True, slots=True)
class TrackBlock:
    """Some tracks of one space as parallel arrays.

    Attributes:
        ids: ``int64`` (n,).
        person_ids: ``int64`` (n,), -1 for nobody.
        face_counts: ``int64`` (n,), at least 1.
        usable: ``bool`` (n,).
        embeddings: ``float32`` (n, dimension), unit length.
    """

    ids: IntArray
    person_ids: IntArray
    face_counts: IntArray
    usable: npt.NDArray[np.bool_]
    embeddings: FloatArray

    def __len__(self) -> int:
        return len(self.ids)


def mark(session: Session, space: EmbeddingSpace) -> Mark:
    """Numbers that differ as soon as a track came, went or changed hands.

    Every change of hands is an event, but for those of new tracks that join right after their video.
    """
    tracks = select(func.max(Track.id), func.count(Track.id), func.count(Track.person_id))
    newest, number, owned = session.execute(tracks.where(Track.space_id == space.id)).one()
    return space.id, session.scalar(select(func.max(PersonEvent.id))) or 0, newest or 0, number, owned


def blocks(session: Session, space: EmbeddingSpace, *, rows: int = 20_000) -> Iterator[TrackBlock]:
    """All tracks that are somebody's, by id, in pieces of at most ``rows``: memory does not grow with the library."""
    query = select(*_COLUMNS).where(Track.space_id == space.id, Track.person_id.is_not(None), Track.face_count > 0)
    last = 0
    while found := session.execute(query.where(Track.id > last).order_by(Track.id).limit(rows)).all():
        yield _block(found, space.dimension)
        last = found[-1].id


def waiting(session: Session, space: EmbeddingSpace, *, limit: int) -> TrackBlock:
    """Tracks that are nobody's, those with the most faces first."""
    query = select(*_COLUMNS).where(Track.space_id == space.id, Track.person_id.is_(None), Track.face_count > 0)
    found = session.execute(query.order_by(Track.face_count.desc(), Track.id).limit(limit)).all()
    return _block(found, space.dimension)


def people_with_usable(session: Session, space: EmbeddingSpace) -> IntArray:
    """Ids of the people who have a usable track, ``int64``, sorted."""
    query = select(Track.person_id).where(Track.space_id == space.id, Track.usable, Track.person_id.is_not(None))
    return integers(session.scalars(query.distinct().order_by(Track.person_id)).all())


def _block(found: Sequence[Any], dimension: int) -> TrackBlock:
    ids, people, counts, usable, rows = zip(*found, strict=True) if found else ((),) * 5
    return TrackBlock(
        ids=integers(ids),
        person_ids=integers(people),
        face_counts=integers(counts),
        usable=np.array(usable, np.bool_),
        embeddings=vectors.decode_many(rows, dimension),
    )
