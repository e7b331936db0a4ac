"""Queries of the search by picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import FloatArray, IntArray, MediaKind
from app.models import EmbeddingSpace, Face, Person, Video
from app.storage import vectors
from app.storage.findings import IS_SHOWN

NOBODY = -1


@dataclass(frozen=True, slots=True)
class FaceBlock:
    """Some faces of a space as parallel arrays.

    Attributes:
        face_ids: ``int64`` (n,).
        person_ids: ``int64`` (n,), -1 for nobody.
        embeddings: ``float32`` (n, dimension), unit length.
    """

    face_ids: IntArray
    person_ids: IntArray
    embeddings: FloatArray


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


def face_blocks(session: Session, space: EmbeddingSpace, *, rows: int = 20_000) -> Iterator[FaceBlock]:
    """All faces of a space in pieces of at most ``rows``, by id."""
    query = select(Face.id, Face.person_id, Face.embedding).where(Face.space_id == space.id, IS_SHOWN).order_by(Face.id)
    last = 0
    while found := session.execute(query.where(Face.id > last).limit(rows)).all():
        yield FaceBlock(
            face_ids=np.array([row.id for row in found], np.int64),
            person_ids=np.array([NOBODY if row.person_id is None else row.person_id for row in found], np.int64),
            embeddings=vectors.decode_many([row.embedding for row in found], space.dimension),
        )
        last = found[-1].id


def describe_faces(session: Session, face_ids: Sequence[int]) -> dict[int, FaceDescription]:
    """Describes faces by id; those that were deleted meanwhile are missing."""
    query = (
        select(
            Face.id,
            Face.video_id,
            Video.title,
            Face.timestamp,
            Face.person_id,
            Person.name,
            Face.crop_key,
            Video.media_kind,
        )
        .join(Video, Video.id == Face.video_id)
        .outerjoin(Person, Person.id == Face.person_id)
        .where(Face.id.in_(face_ids))
    )
    return {row[0]: FaceDescription(*row) for row in session.execute(query)}


def names_of(session: Session, person_ids: Sequence[int]) -> dict[int, str | None]:
    """Names by person; ``None`` for those without one."""
    query = select(Person.id, Person.name).where(Person.id.in_(person_ids))
    return dict(session.execute(query).all())
