"""Faces in a few lines, without an application around: ``from app.vision import detect_faces, find_faces``."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, NotRequired, TypedDict, overload

from app.domain import BoundingBox, Detection, Face, FloatArray, Quality
from app.vision.engine import FaceEngine
from app.vision.pictures import Picture, is_one, to_images

Point = tuple[float, float]

MARKS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
"""Names of the landmarks, left and right as one looks at the picture."""


class Landmarks(NamedTuple):
    """Five points of a face, (x, y) in pixels; left and right as one looks at the picture."""

    left_eye: Point
    right_eye: Point
    nose: Point
    left_mouth: Point
    right_mouth: Point


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face of a picture.

    Attributes:
        box: Where it is, in pixels of the picture; may reach outside of it.
        landmarks: Its five points.
        confidence: 0..1, the detector's.
        quality: How far it may be trusted to decide who is who: 0..1, with reasons where it is poor.
        embedding: ``float32`` (dimension,) of unit length; 1 minus the product of two is their cosine distance.
    """

    box: BoundingBox
    landmarks: Landmarks
    confidence: float
    quality: Quality
    embedding: FloatArray


class MarkDict(TypedDict):
    """A landmark."""

    position: list[float]
    type: str


class FaceDict(TypedDict):
    """A face: ``bounding_box`` is [x1, y1, x2, y2] in pixels of the picture."""

    bounding_box: list[float]
    landmarks: list[MarkDict]
    confidence: float
    quality: NotRequired[float]
    quality_reasons: NotRequired[list[str]]
    embedding: NotRequired[list[float]]


class PictureDict(TypedDict):
    """The faces of one picture, most confident first."""

    faces_count: int
    faces: list[FaceDict]


class ResultDict(TypedDict):
    """One entry for each picture, in the order in which they were given."""

    result: list[PictureDict]


@overload
def find_faces(  # type: ignore[overload-overlap]  # to Python a text is a list of texts; here it is one path
    pictures: Picture, engine: FaceEngine | None = None
) -> list[FoundFace]: ...


@overload
def find_faces(pictures: Sequence[Picture], engine: FaceEngine | None = None) -> list[list[FoundFace]]: ...


def find_faces(
    pictures: Picture | Sequence[Picture], engine: FaceEngine | None = None
) -> list[FoundFace] | list[list[FoundFace]]:
    """Finds, judges and embeds the faces of one picture, or of several at once.

    Args:
        pictures: One picture or a list of them: Pillow pictures, arrays in RGB order, paths or the bytes of files; see
            :func:`app.vision.pictures.to_images`. The list may be empty.
        engine: What to look with; one with the ``bundled`` pack, kept for the next call, when ``None``.

    Returns:
        The faces of the picture, most confident first; a list of such lists where a list was given.

    Raises:
        InvalidInputError: Something is no picture.
        MediaError: A file cannot be read.
        TooLargeError: A picture has more than 100 million pixels.
        ModelError: Weights are missing or damaged.
    """
    images = to_images(pictures)
    found = (
        [[_found(face) for face in faces] for faces in (engine or default_engine()).analyse(images)] if images else []
    )
    return found[0] if is_one(pictures) else found


def detect_faces(
    pictures: Picture | Sequence[Picture],
    *,
    quality: bool = False,
    embeddings: bool = False,
    engine: FaceEngine | None = None,
) -> ResultDict:
    """Finds faces and gives them as plain values that can be written as JSON.

    Args:
        pictures: As :func:`find_faces` takes them.
        quality: Whether ``quality`` (0..1) and ``quality_reasons`` are added to each face.
        embeddings: Whether ``embedding`` (floats, unit length) is added to each face.
        engine: As in :func:`find_faces`.

    Returns:
        ``{"result": [{"faces_count": 1, "faces": [{"bounding_box": [x1, y1, x2, y2], "landmarks": [{"position": [x, y],
        "type": "left_eye"}, ...], "confidence": 0.99}]}]}``. One picture counts as a list of one. Without quality and embeddings
        the embedder does not run.

    Raises:
        InvalidInputError: As :func:`find_faces`, and the other errors as well.
    """
    images = to_images(pictures)
    used = engine or default_engine()
    if not (quality or embeddings):
        return {"result": [_picture([_face(one) for one in faces]) for faces in used.detect(images)]}
    analysed = used.analyse(images)
    return {"result": [_picture([_full(face, quality, embeddings) for face in faces]) for faces in analysed]}


_engines: dict[int, FaceEngine] = {}
_lock = threading.Lock()


def default_engine() -> FaceEngine:
    """The engine that is used where none is named: the ``bundled`` pack; made at the first call of a process."""
    with _lock:
        # An engine owns threads, which a forked child does not inherit.
        process = os.getpid()
        if process not in _engines:
            _engines.clear()
            _engines[process] = FaceEngine()
        return _engines[process]


def _found(face: Face) -> FoundFace:
    points = [(float(x), float(y)) for x, y in face.detection.landmarks]
    return FoundFace(face.detection.box, Landmarks(*points), face.detection.confidence, face.quality, face.embedding)


def _picture(faces: list[FaceDict]) -> PictureDict:
    return {"faces_count": len(faces), "faces": faces}


def _face(found: Detection) -> FaceDict:
    box = found.box
    return {
        "bounding_box": [box.x1, box.y1, box.x2, box.y2],
        "landmarks": [
            {"position": [float(x), float(y)], "type": name}
            for name, (x, y) in zip(MARKS, found.landmarks, strict=True)
        ],
        "confidence": found.confidence,
    }


def _full(face: Face, quality: bool, embeddings: bool) -> FaceDict:
    described = _face(face.detection)
    if quality:
        described["quality"] = face.quality.score
        described["quality_reasons"] = [reason.value for reason in face.quality.reasons]
    if embeddings:
        described["embedding"] = face.embedding.tolist()
    return described
