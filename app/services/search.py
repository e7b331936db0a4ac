"""Finds a face of a picture in the library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain import BoundingBox, Face, FloatArray, Image, IntArray, QualityReason
from app.errors import InvalidInputError
from app.services.context import Context
from app.storage import lookup
from app.storage import spaces as space_rows
from app.storage.lookup import FaceDescription
from app.vision import Pack

LIKELY = 50.0


@dataclass(frozen=True)
class Moment:
    """One face of the library that resembles the face asked for.

    Attributes:
        face: The face: where and when it is seen, and whose it is held to be.
        similarity: 0..100; 50 is where one person becomes more likely than two.
    """

    face: FaceDescription
    similarity: float


@dataclass(frozen=True)
class PersonMatch:
    """A person who resembles the face asked for.

    Attributes:
        person_id: The person.
        name: Their name, if any.
        similarity: 0..100, that of their nearest face.
        moments: How many of their faces are more likely the same person than not.
    """

    person_id: int
    name: str | None
    similarity: float
    moments: int


@dataclass(frozen=True)
class FaceMatches:
    """What the library knows of one face of the picture, nearest first.

    Attributes:
        box: Where the face is, in pixels of the picture.
        confidence: 0..1, the detector's.
        people: The nearest people.
        moments: The nearest faces.
    """

    box: BoundingBox
    confidence: float
    people: tuple[PersonMatch, ...]
    moments: tuple[Moment, ...]


def search_faces(context: Context, image: Image, *, top: int = 20) -> list[FaceMatches]:
    """Looks up every face of a picture.

    Args:
        context: The context.
        image: ``uint8`` (height, width, 3) RGB.
        top: How many moments, and at most how many people, to return for each face; 1..1000.

    Returns:
        One entry per face of the picture, most confident first. Empty where the picture shows no face; what is most
        likely no face at all, such as a print on clothes, is left out.

    Raises:
        InvalidInputError: ``top`` is out of range.
        PackMismatchError: The library was made with another pack.
    """
    if not 1 <= top <= 1000:
        raise InvalidInputError("The number of results must be between 1 and 1000.")
    engine = context.engine()
    faces = [face for face in engine.analyse([image])[0] if QualityReason.UNLIKE_FACE not in face.quality.reasons]
    if not faces:
        return []
    queries = np.stack([face.embedding for face in faces])
    ids, people, distances = _distances(context, engine.pack, queries)
    return [_matches(context, engine.pack, face, ids, people, distances[i], top) for i, face in enumerate(faces)]


def _distances(context: Context, pack: Pack, queries: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Cosine distances of every face of the library to each query, read in pieces so that memory stays small.

    Returns:
        Face ids ``int64`` (n,), person ids ``int64`` (n,) with -1 for nobody, distances ``float32`` (queries, n).
    """
    ids = [np.empty(0, np.int64)]
    people = [np.empty(0, np.int64)]
    distances = [np.empty((len(queries), 0), np.float32)]
    with context.database.session() as session:
        space = space_rows.pinned(session)
        if space is not None:
            space_rows.check(space, pack.space, pack.name, pack.dimension)
            for block in lookup.face_blocks(session, space):
                ids.append(block.face_ids)
                people.append(block.person_ids)
                distances.append(1.0 - queries @ block.embeddings.T)
    return np.concatenate(ids), np.concatenate(people), np.concatenate(distances, axis=1)


def _matches(
    context: Context, pack: Pack, face: Face, ids: IntArray, people: IntArray, distances: FloatArray, top: int
) -> FaceMatches:
    order = np.argsort(distances, kind="stable")
    similarity = 100.0 * np.asarray(pack.similarity(distances))
    nearest, firsts = order[:top], _first_of_each_person(people, order)[:top]
    likely = similarity >= LIKELY
    with context.database.session() as session:
        rows = lookup.describe_faces(session, ids[nearest].tolist())
        names = lookup.names_of(session, people[firsts].tolist())
    return FaceMatches(
        box=face.detection.box,
        confidence=face.detection.confidence,
        people=tuple(
            PersonMatch(
                person_id=int(people[i]),
                name=names[int(people[i])],
                similarity=round(float(similarity[i]), 1),
                moments=int(np.count_nonzero(likely & (people == people[i]))),
            )
            for i in firsts
            if int(people[i]) in names
        ),
        moments=tuple(
            Moment(rows[int(ids[i])], round(float(similarity[i]), 1)) for i in nearest if int(ids[i]) in rows
        ),
    )


def _first_of_each_person(people: IntArray, order: IntArray) -> IntArray:
    """Indexes of the nearest face of each person, nearest person first."""
    ordered = people[order]
    _, first = np.unique(ordered, return_index=True)
    kept = np.sort(first)
    return order[kept[ordered[kept] >= 0]]
