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
from app.models import EmbeddingSpace, Person, PersonEvent, Track
from app.storage import vectors
from app.storage.rows import batches, integers

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
    newest, number, owned = session.execute(
        select(
            select(func.max(Track.id)).scalar_subquery(),
            select(func.count(Track.id)).scalar_subquery(),
            select(func.count(Track.id)).where(Track.person_id.is_not(None)).scalar_subquery(),
        )
    ).one()
    return space.id, session.scalar(select(func.max(PersonEvent.id))) or 0, newest or 0, number, owned


def fingerprints(session: Session) -> IntArray:
    """What changes with a person's tracks, read from indexes alone.

    Returns:
        ``int64`` (n, 4): person, number of changes, number of tracks and the sum of their ids, by person.
    """
    query = (
        select(Person.id, Person.revision, func.count(Track.id), func.sum(Track.id))
        .join(Track, Track.person_id == Person.id)
        .group_by(Person.id)
        .order_by(Person.id)
    )
    found = [(key, revision, number, int(total)) for key, revision, number, total in session.execute(query)]
    return np.array(found, np.int64).reshape(-1, 4)


def blocks(
    session: Session, space: EmbeddingSpace, *, people: Sequence[int] | None = None, rows: int = 20_000
) -> Iterator[TrackBlock]:
    """Tracks that are somebody's, in pieces of at most ``rows``: memory does not grow with the library.

    Args:
        session: A session.
        space: The space.
        people: Only those of these people; everybody's by default.
        rows: How many at a time.
    """
    query = select(*_COLUMNS).where(Track.space_id == space.id, Track.person_id.is_not(None), Track.face_count > 0)
    for part in [None] if people is None else batches(people):
        some = query if part is None else query.where(Track.person_id.in_(part))
        last = 0
        while found := session.execute(some.where(Track.id > last).order_by(Track.id).limit(rows)).all():
            yield _block(found, space.dimension)
            last = found[-1].id


def waiting(session: Session, space: EmbeddingSpace, *, limit: int) -> TrackBlock:
    """Tracks that are nobody's, those with the most faces first."""
    query = select(*_COLUMNS).where(Track.space_id == space.id, Track.person_id.is_(None), Track.face_count > 0)
    found = session.execute(query.order_by(Track.face_count.desc(), Track.id).limit(limit)).all()
    return _block(found, space.dimension)


def _block(found: Sequence[Any], dimension: int) -> TrackBlock:
    ids, people, counts, usable, rows = zip(*found, strict=True) if found else ((),) * 5
    return TrackBlock(
        ids=integers(ids),
        person_ids=integers(people),
        face_counts=integers(counts),
        usable=np.array(usable, np.bool_),
        embeddings=vectors.decode_many(rows, dimension),
    )
