"""What can be asked: who is in this picture, who is like this face, this person or this vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.domain import Face, FloatArray, Image, QualityReason
from app.errors import InvalidInputError, NoFaceError, NotFoundError
from app.services.context import Context
from app.services.search.matching import Searcher
from app.services.search.shapes import FaceMatches, Matches, SearchOptions
from app.storage import lookup
from app.storage import spaces as space_rows

Point = tuple[float, float]
NOTHING = Matches((), ())


def search_faces(
    context: Context, image: Image, *, top: int = 20, options: SearchOptions | None = None
) -> list[FaceMatches]:
    """Looks up every face of a picture.

    Args:
        context: The context.
        image: ``uint8`` (height, width, 3) RGB.
        top: How many moments, and at most how many people, to return for each face; 1..1000.
        options: How to search; what ``top`` says goes by it where it is given.

    Returns:
        One entry per face of the picture, most confident first. Empty where the picture shows no face; what is most
        likely no face at all, such as a print on clothes, is left out.

    Raises:
        InvalidInputError: An option is out of range.
        NotFoundError: A video or person that the search is limited to does not exist.
        PackMismatchError: The library was made with another pack.
    """
    wanted = options or SearchOptions(top=top)
    wanted.check()
    faces = _faces_of(context, image)
    return _look_up(context, list(enumerate(faces)), wanted)


def search_picture(
    context: Context, image: Image, options: SearchOptions, *, face: int | None = None, point: Point | None = None
) -> list[FaceMatches]:
    """Looks up the faces of a picture, or the one that is pointed at.

    Args:
        context: The context.
        image: ``uint8`` (height, width, 3) RGB.
        options: How to search.
        face: Number of the one face, from 0, most confident first.
        point: x and y of a place in the one face, in pixels of the picture.

    Raises:
        NoFaceError: The picture shows no face, or none at that place.
        InvalidInputError: An option is out of range, there are not so many faces, or both ``face`` and ``point`` are
            given.
        NotFoundError: A video or person that the search is limited to does not exist.
        PackMismatchError: The library was made with another pack.
    """
    options.check()
    if face is not None and point is not None:
        raise InvalidInputError("Say which face by its number or by a point, not by both.")
    faces = list(enumerate(_faces_of(context, image)))
    if not faces:
        raise NoFaceError(
            "There is no face in this picture. Use one in which the face is sharp, upright, not covered, and at least "
            f"{context.settings.min_face_size} pixels wide."
        )
    if point is not None:
        faces = [_at(faces, point)]
    elif face is not None:
        if not 0 <= face < len(faces):
            raise InvalidInputError(
                f"The picture shows {len(faces)} faces: number {face} is not among them (0 is the first)."
            )
        faces = [faces[face]]
    return _look_up(context, faces, options)


def search_face(context: Context, face_id: int, options: SearchOptions) -> Matches:
    """Who is like a face of the library; the face itself is left out.

    Raises:
        NotFoundError: There is no such face, or it was dismissed.
        InvalidInputError: An option is out of range.
    """
    searcher = Searcher.of(context, options)
    vector = None if searcher is None else searcher.snapshot.vector(face_id)
    if searcher is None or vector is None:
        raise NotFoundError("There is no such face.")
    return searcher.matches(vector, not_face=face_id)


def search_person(context: Context, person_id: int, options: SearchOptions) -> Matches:
    """Who is like a person, by the mean of their faces; their own faces are left out.

    Raises:
        NotFoundError: There is no such person, or they have no face that can be compared.
        InvalidInputError: An option is out of range.
    """
    searcher = Searcher.of(context, options)
    vector = None
    if searcher is not None:
        with context.database.session() as session:
            vector = lookup.person_vector(session, searcher.space, person_id)
    if searcher is None or vector is None:
        raise NotFoundError("There is no such person, or none of their faces can be compared.")
    return searcher.matches(vector, not_person=person_id)


def search_embedding(context: Context, values: Sequence[float], options: SearchOptions) -> Matches:
    """Who is like a vector of the library's own embedder.

    Args:
        context: The context.
        values: As many numbers as the library's embeddings have; of any length but 0.
        options: How to search.

    Raises:
        InvalidInputError: The vector does not fit the library, or an option is out of range.
    """
    searcher = Searcher.of(context, options)
    if searcher is None:
        return NOTHING
    vector = np.asarray(values, np.float64)
    if vector.shape != (searcher.space.dimension,):
        raise InvalidInputError(
            f"An embedding of this library ({searcher.space.name}) has {searcher.space.dimension} numbers, this one has "
            f"{vector.size}."
        )
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length <= 0.0:
        raise InvalidInputError("An embedding must be finite and not all zero.")
    return searcher.matches((vector / length).astype(np.float32))


def _faces_of(context: Context, image: Image) -> list[Face]:
    found = context.engine().analyse([image])[0]
    return [face for face in found if QualityReason.UNLIKE_FACE not in face.quality.reasons]


def _look_up(context: Context, faces: Sequence[tuple[int, Face]], options: SearchOptions) -> list[FaceMatches]:
    if not faces:
        return []
    pack = context.engine().pack
    with context.database.session() as session:
        space = space_rows.pinned(session)
        if space is not None:
            space_rows.check(space, pack.space, pack.name, pack.dimension)
    searcher = Searcher.of(context, options)
    return [_of(number, face, _found(searcher, face.embedding)) for number, face in faces]


def _found(searcher: Searcher | None, vector: FloatArray) -> Matches:
    return NOTHING if searcher is None else searcher.matches(vector)


def _of(number: int, face: Face, found: Matches) -> FaceMatches:
    return FaceMatches(
        people=found.people,
        moments=found.moments,
        index=number,
        box=face.detection.box,
        confidence=face.detection.confidence,
        quality=face.quality.score,
    )


def _at(faces: Sequence[tuple[int, Face]], point: Point) -> tuple[int, Face]:
    """The smallest face around a point: of two that overlap, the one that is meant."""
    x, y = point
    around = [
        (face.detection.box.width * face.detection.box.height, number, face)
        for number, face in faces
        if face.detection.box.x1 <= x <= face.detection.box.x2 and face.detection.box.y1 <= y <= face.detection.box.y2
    ]
    if not around:
        boxes = [face.detection.box for _, face in faces]
        places = ", ".join(f"{(box.x1 + box.x2) / 2:.0f},{(box.y1 + box.y2) / 2:.0f}" for box in boxes[:10])
        raise NoFaceError(f"There is no face at {x:g},{y:g}. The middles of the faces of this picture are: {places}.")
    _, number, found = min(around, key=lambda one: one[:2])
    return number, found
