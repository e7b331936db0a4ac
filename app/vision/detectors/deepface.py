"""Any of DeepFace's detectors, behind our interface."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.domain import BoundingBox, Detection, FloatArray, Image
from app.errors import ModelError
from app.vision.align import DLIB_TEMPLATE, estimate_similarity
from app.vision.deepface_bridge import build
from app.vision.files import ModelFiles

SKIP = "skip"
"""DeepFace's name for "the picture is the face"."""

# Where a face's box lies about its landmarks, in pixels of dlib's chip: (x1, y1, x2, y2). The median of MTCNN's boxes
# on 51 stills; only used to guess landmarks that a detector does not give.
_BOX_IN_CHIP = (15.5, -17.4, 134.9, 142.4)


class DeepFaceDetector:
    """One of DeepFace's detectors.

    Pictures are looked at one by one, as DeepFace does, but without its black border of half a picture on each side.
    """

    def __init__(self, name: str, files: ModelFiles) -> None:
        """Loads the detector.

        Args:
            name: DeepFace's own name, such as ``mtcnn`` or ``dlib``; ``skip`` takes each picture as one face.
            files: Where DeepFace's store is.

        Raises:
            ModelError: A package or the weights are missing.
        """
        self.name = name
        self.seconds = 0.0
        self._client: Any = None if name == SKIP else build("face_detector", name, files)

    def detect(
        self, images: Sequence[Image], *, min_face_size: int | Sequence[int], confidence: float
    ) -> list[list[Detection]]:
        """See :meth:`app.vision.parts.Detector.detect`.

        Landmarks that the detector does not give are guessed from those it gives, or from the box.
        """
        sizes = [min_face_size] * len(images) if isinstance(min_face_size, int) else min_face_size
        return [
            [face for face in self._look(image) if face.confidence >= confidence and _shorter(face) >= size]
            for image, size in zip(images, sizes, strict=True)
        ]

    def _look(self, image: Image) -> list[Detection]:
        if self._client is None:
            height, width = image.shape[:2]
            box = BoundingBox(0.0, 0.0, float(width), float(height))
            return [Detection(box, complete(box, {}), 1.0)]
        started = time.perf_counter()
        try:
            areas = self._client.detect_faces(np.ascontiguousarray(image[..., ::-1]))
        except Exception as error:
            raise ModelError(f"DeepFace's detector {self.name} failed on a picture.") from error
        finally:
            self.seconds += time.perf_counter() - started
        found = [_detection(area) for area in areas if area.w > 0 and area.h > 0]
        return sorted(found, key=lambda face: -face.confidence)


def _shorter(face: Detection) -> float:
    return min(face.box.width, face.box.height)


def _detection(area: Any) -> Detection:
    box = BoundingBox(float(area.x), float(area.y), float(area.x + area.w), float(area.y + area.h))
    # DeepFace calls left what is left to the person, we what is left in the picture
    given = (area.right_eye, area.left_eye, area.nose, area.mouth_right, area.mouth_left)
    points = {i: (float(p[0]), float(p[1])) for i, p in enumerate(given) if p is not None}
    if 0 in points and 1 in points and points[0][0] > points[1][0]:
        # some of its detectors mix the two up
        points[0], points[1] = points[1], points[0]
    score = 0.0 if area.confidence is None else float(np.clip(area.confidence, 0.0, 1.0))
    return Detection(box, complete(box, points), score)


def complete(box: BoundingBox, given: dict[int, tuple[float, float]]) -> FloatArray:
    """Guesses the landmarks that are missing.

    Args:
        box: The face's box in pixels.
        given: Known landmarks, by their place in :class:`app.domain.Detection`.

    Returns:
        ``float32`` (5, 2): the given ones as they are; the others where they lie in an average face with the same
        eyes, or with the same box where not both eyes are known.
    """
    corners = np.array([[box.x1, box.y1], [box.x2, box.y1], [box.x1, box.y2], [box.x2, box.y2]])
    x1, y1, x2, y2 = _BOX_IN_CHIP
    source, target = np.array([[x1, y1], [x2, y1], [x1, y2], [x2, y2]]), corners
    if 0 in given and 1 in given:
        source, target = DLIB_TEMPLATE[:2].astype(np.float64), np.array([given[0], given[1]])
    if np.ptp(target, axis=0).max() < 1.0:  # both eyes in one place: no face can be built on them
        target = target + source - source.mean(0)
    matrix = estimate_similarity(source.astype(np.float32), target.astype(np.float32))
    points = np.asarray(DLIB_TEMPLATE @ matrix[:, :2].T + matrix[:, 2], np.float32)
    for index, point in given.items():
        points[index] = point
    return points
