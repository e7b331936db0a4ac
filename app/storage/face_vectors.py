"""The vectors of the faces that the search may find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.orm import Session

from app.domain import FloatArray, IntArray
from app.models import EmbeddingSpace, Face
from app.storage import vectors
from app.storage.findings import IS_SHOWN
from app.storage.rows import batches

ROWS = 20_000
IS_FOUND: tuple[ColumnElement[bool], ...] = (IS_SHOWN, Face.dismissed.is_(False))
"""What a face must be for the search to find it."""


class FaceVectors(NamedTuple):
    """Faces as parallel arrays, by id.

    Attributes:
        ids: ``int64`` (n,).
        values: ``float32`` (n, dimension), unit length.
    """

    ids: IntArray
    values: FloatArray


def count(session: Session, space: EmbeddingSpace) -> int:
    """How many faces of a space there are to be found."""
    query = select(func.count()).select_from(Face).where(Face.space_id == space.id, *IS_FOUND)
    return session.scalar(query) or 0


def blocks(session: Session, space: EmbeddingSpace, *, rows: int = ROWS) -> Iterator[FaceVectors]:
    """All faces of a space, in pieces of at most ``rows``."""
    query = select(Face.id, Face.embedding).where(Face.space_id == space.id, *IS_FOUND).order_by(Face.id).limit(rows)
    last = 0
    while found := session.execute(query.where(Face.id > last)).all():
        yield _arrays(found, space.dimension)
        last = found[-1].id


def of_faces(session: Session, space: EmbeddingSpace, face_ids: Sequence[int]) -> FaceVectors:
    """Some faces, by id; those that cannot be found, in this space, are missing."""
    found: list[Row[int, bytes]] = []
    query = select(Face.id, Face.embedding).where(Face.space_id == space.id, *IS_FOUND)
    for part in batches(sorted(face_ids), 5_000):
        found += session.execute(query.where(Face.id.in_(part)).order_by(Face.id)).all()
    return _arrays(found, space.dimension)


def _arrays(found: Sequence[Row[int, bytes]], dimension: int) -> FaceVectors:
    ids = np.array([row.id for row in found], np.int64)
    return FaceVectors(ids, vectors.decode_many([row.embedding for row in found], dimension))
