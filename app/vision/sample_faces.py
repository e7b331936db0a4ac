"""Two real faces that come with the program, and what may happen to a picture of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cv2
import numpy as np

from app.domain import BoundingBox, Detection, FloatArray, Image

_FOLDER = files("app.vision") / "data"
_JPEG_QUALITY = 25
_DARK = 0.35

# Where the points of the faces are in their pictures, in pixels, as MTCNN finds them; looked at.
_POINTS = {
    "eileen_collins": [[93.7, 90.2], [136.1, 92.6], [114.8, 116.2], [91.3, 128.7], [134.3, 131.0]],
    "grace_hopper": [[100.4, 129.5], [185.3, 125.7], [146.1, 177.7], [111.8, 216.3], [185.0, 212.7]],
}


@dataclass(frozen=True)
class SampleFace:
    """A picture with one face.

    Attributes:
        name: Whose.
        variant: What was done to the picture.
        image: ``uint8`` (height, width, 3) RGB.
        points: ``float32`` (5, 2): where the face's points are in ``image``, in the order of
            :class:`app.domain.Detection`.
    """

    name: str
    variant: str
    image: Image
    points: FloatArray

    @property
    def detection(self) -> Detection:
        """The face, as a detector would tell it; the box is about as tall as that of MTCNN."""
        middle, eyes = self.points.mean(0), float(np.hypot(*(self.points[1] - self.points[0])))
        box = BoundingBox(*(float(v) for v in (*(middle - eyes * 1.25), *(middle + eyes * 1.25))))
        return Detection(box, self.points, 0.999)


@cache
def plain_faces() -> tuple[SampleFace, ...]:
    """The two pictures as they are: Eileen Collins and Grace Hopper."""
    return tuple(
        SampleFace(name, "plain", _read(f"{name}.jpg"), np.array(points, np.float32))
        for name, points in _POINTS.items()
    )


def varied_faces() -> list[SampleFace]:
    """Both pictures in all variants: plain, flipped, half as large, dark, and squeezed by JPEG."""
    return [change(face) for change in _CHANGES.values() for face in plain_faces()]


def grey(face: SampleFace) -> SampleFace:
    """The picture without its colours, still of three channels."""
    return _changed(face, "grey", np.repeat(cv2.cvtColor(face.image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2))


def swapped(face: SampleFace) -> SampleFace:
    """The picture with red and blue exchanged."""
    return _changed(face, "red and blue exchanged", face.image[..., ::-1])


def reference_vectors(space: str) -> FloatArray | None:
    """What the embedder of a space gave for the plain faces, cut by the known points, when it was calibrated.

    Args:
        space: The embedding space.

    Returns:
        ``float32`` (2, d), unit length; ``None`` where nothing was recorded.
    """
    stored = json.loads((_FOLDER / "reference.json").read_text(encoding="utf-8")).get(space)
    if stored is None:
        return None
    vectors = np.array(stored, np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def sample_frame(width: int, height: int) -> Image:
    """A frame with both faces, each a third of its height, for the measuring of times.

    Args:
        width: In pixels, at least as much as ``height``.
        height: In pixels.

    Returns:
        ``uint8`` (height, width, 3) RGB.
    """
    frame = cv2.GaussianBlur(cv2.resize(plain_faces()[1].image, (width, height)), (0, 0), height / 40)
    side = height * 2 // 3
    for place, face in enumerate(plain_faces()):
        crop = cv2.resize(face.image, (side, side), interpolation=cv2.INTER_AREA)
        left, top = width * (1 + 2 * place) // 4 - side // 2, (height - side) // 2
        frame[top : top + side, left : left + side] = crop
    return np.asarray(frame, np.uint8)


def _read(name: str) -> Image:
    data = np.frombuffer((_FOLDER / name).read_bytes(), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert picture is not None, f"{name} comes with the program"  # noqa: S101 - for the type checker
    return np.ascontiguousarray(picture[..., ::-1])


def _changed(face: SampleFace, variant: str, image: Image, points: FloatArray | None = None) -> SampleFace:
    return SampleFace(face.name, variant, np.ascontiguousarray(image), face.points if points is None else points)


def _flipped(face: SampleFace) -> SampleFace:
    points = face.points[[1, 0, 2, 4, 3]].copy()
    points[:, 0] = face.image.shape[1] - 1 - points[:, 0]
    return _changed(face, "flipped", face.image[:, ::-1], points)


def _halved(face: SampleFace) -> SampleFace:
    height, width = face.image.shape[:2]
    image = np.asarray(cv2.resize(face.image, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)
    return _changed(face, "half as large", image, np.asarray((face.points + 0.5) / 2 - 0.5, np.float32))


def _darkened(face: SampleFace) -> SampleFace:
    return _changed(face, "dark", (face.image * _DARK).astype(np.uint8))


def _squeezed(face: SampleFace) -> SampleFace:
    _, data = cv2.imencode(".jpg", face.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return _changed(face, "squeezed by JPEG", np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


_CHANGES: dict[str, Callable[[SampleFace], SampleFace]] = {
    "plain": lambda face: face,
    "flipped": _flipped,
    "halved": _halved,
    "dark": _darkened,
    "squeezed": _squeezed,
}
