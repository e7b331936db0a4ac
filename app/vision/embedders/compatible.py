"""Faces cut and scaled as DeepFace does it, for libraries whose embeddings were made with it.

What DeepFace does was read from its ``modules/detection.py`` and ``modules/preprocessing.py`` (0.0.103, MIT) and is done
here to the face alone: turn it until the eyes are level, cut out the box, shrink it into a square with black at two
sides, divide by 255. DeepFace paints a border of half a picture around the whole picture first; here what lies outside
is black without being painted.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app.domain import Detection, FloatArray, Image
from app.errors import InvalidInputError
from app.vision.embedders.onnx_embedder import EmbedderSpec, OnnxEmbedder
from app.vision.parts import Chip
from app.vision.runtime import Model, RuntimeOptions

Corners = tuple[int, int, int, int]


class CompatibleEmbedder(OnnxEmbedder):
    """An embedder that sees faces as DeepFace shows them to the same network.

    Chips are ``float32`` (size, size, 3) RGB, 0..1.
    """

    def __init__(self, spec: EmbedderSpec, model: Model, *, runtime: RuntimeOptions | None = None) -> None:
        """Loads the network.

        Args:
            spec: What the network expects of pixels from 0 to 1; its template does nothing.
            model: The graph, with one input and one output.
            runtime: How networks are run.

        Raises:
            ModelError: The graph cannot be loaded.
        """
        super().__init__(spec, model, flip=False, runtime=runtime)
        self.template = None

    def cut(self, image: Image, detection: Detection) -> Chip:
        """See :meth:`app.vision.parts.Embedder.cut`; the chip is ``float32`` (size, size, 3) RGB, 0..1."""
        return fit(level_crop(image, detection), self.spec.size)

    def _blank_chips(self) -> npt.NDArray[Any]:
        return super()._blank_chips().astype(np.float32) / np.float32(255)

    def _check(self, chips: npt.NDArray[Any]) -> None:
        side = self.spec.size
        if chips.dtype != np.float32 or chips.ndim != 4 or chips.shape[1:] != (side, side, 3):
            raise InvalidInputError(f"Face chips must be float32 of shape (n, {side}, {side}, 3).")


def level_crop(image: Image, detection: Detection) -> Image:
    """Turns a face until its eyes are level and cuts out its box (DeepFace's ``extract_face``).

    Coordinates are cut to whole pixels as in DeepFace's detectors.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
        detection: The face, in pixels of ``image``.

    Returns:
        ``uint8`` RGB, of the size of the box, or smaller where that reaches far outside; may be empty.
    """
    x, y, width, height = _whole_box(image, detection)
    margin_x, margin_y = int(0.5 * width), int(0.5 * height)
    window = _window(image, (x - margin_x, y - margin_y, x + width + margin_x, y + height + margin_y))
    turned = _turn(window, _eye_angle(detection.landmarks))
    # DeepFace computes where the box has turned to; it lies in the middle of the window, and so stays where it is
    return turned[margin_y : margin_y + height, margin_x : margin_x + width]


def fit(crop: Image, size: int) -> FloatArray:
    """Shrinks or enlarges a crop into a square, with black at two sides (DeepFace's ``resize_image``).

    Args:
        crop: ``uint8`` (height, width, 3); an empty one gives a black square.
        size: Side of the square in pixels.

    Returns:
        ``float32`` (size, size, 3), 0..1.
    """
    square = np.zeros((size, size, 3), np.float32)
    if not crop.size:
        return square
    pixels = crop.astype(np.float32)
    if crop.max() > 1:  # DeepFace takes pictures without a brighter pixel for ones that were divided already
        pixels /= np.float32(255)
    factor = min(size / crop.shape[0], size / crop.shape[1])
    height, width = max(1, int(crop.shape[0] * factor)), max(1, int(crop.shape[1] * factor))
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = cv2.resize(pixels, (width, height))
    return square


def _whole_box(image: Image, detection: Detection) -> tuple[int, int, int, int]:
    """Left, top, width and height in whole pixels, cut off at the edge of the border that DeepFace paints."""
    box = detection.box
    rows, columns = image.shape[:2]
    border_x, border_y = int(0.5 * columns), int(0.5 * rows)
    x1, x2 = (min(max(math.floor(x), -border_x), columns + border_x) for x in (box.x1, box.x2))
    y1, y2 = (min(max(math.floor(y), -border_y), rows + border_y) for y in (box.y1, box.y2))
    return x1, y1, max(0, x2 - x1), max(0, y2 - y1)


def _window(image: Image, corners: Corners) -> Image:
    """A part of a picture, black where it reaches outside."""
    x1, y1, x2, y2 = corners
    rows, columns = image.shape[:2]
    if x1 >= 0 and y1 >= 0 and x2 <= columns and y2 <= rows:
        return image[y1:y2, x1:x2]
    window = np.zeros((y2 - y1, x2 - x1, 3), np.uint8)
    low_x, high_x, low_y, high_y = max(0, x1), min(columns, x2), max(0, y1), min(rows, y2)
    if low_x < high_x and low_y < high_y:
        window[low_y - y1 : high_y - y1, low_x - x1 : high_x - x1] = image[low_y:high_y, low_x:high_x]
    return window


def _eye_angle(landmarks: FloatArray) -> float:
    """Degrees by which the line through the eyes falls to image-right."""
    (left_x, left_y), (right_x, right_y) = np.floor(landmarks[:2]).tolist()
    return math.degrees(math.atan2(right_y - left_y, right_x - left_x))


def _turn(window: Image, angle: float) -> Image:
    height, width = window.shape[:2]
    if not window.size:
        return window
    matrix = cv2.getRotationMatrix2D((width // 2, height // 2), angle, 1.0)
    turned = cv2.warpAffine(
        window, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0)
    )
    return np.asarray(turned, np.uint8)
