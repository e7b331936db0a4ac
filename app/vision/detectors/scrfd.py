"""SCRFD, InsightFace's detector, in the form with five points (Guo et al., "Sample and Computation Redistribution", 2021).

Its numbers are read as InsightFace does it (``python-package/insightface/model_zoo/scrfd.py``). That code misses faces
that fill more than two fifths of a picture (insightface#1518), for it enlarges every picture to 640 pixels and the
network was trained on smaller faces. Nothing is enlarged here, and pictures in which a face of that size can be are
looked at a second time at half the size, which takes a quarter more time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from app.domain import FloatArray, Image
from app.vision.detectors.anchors import Candidates, above, anchor_grid, decode_distances, merge
from app.vision.detectors.one_shot import OneShotDetector
from app.vision.letterbox import PixelFormat
from app.vision.runtime import RuntimeOptions

PIXELS = PixelFormat(mean=(127.5, 127.5, 127.5), scale=1 / 128)
STRIDES = (8, 16, 32)
ANCHORS_PER_CELL = 2

_OVERLAP = 0.4
_TRUSTED = 256  # two fifths of 640: longer side in pixels up to which faces are found
_HALF = 2
_LARGE = 0.75 * _TRUSTED  # what the second look may add; below, the first one is the sharper


class ScrfdDetector(OneShotDetector):
    """SCRFD with nine outputs: scores, boxes and points for each of three strides."""

    def __init__(self, model: bytes | Path, *, batch: int | None = None, runtime: RuntimeOptions | None = None) -> None:
        """Loads the network.

        Args:
            model: The graph.
            batch: 1 where the graph takes only one picture at a time, as InsightFace's own files do.
            runtime: How networks are run.

        Raises:
            ModelError: The graph cannot be loaded.
        """
        super().__init__(model, PIXELS, decode, overlap=_OVERLAP, batch=batch, runtime=runtime)

    def _candidates(self, images: Sequence[Image], confidence: float) -> Candidates | None:
        """Both looks together; the better box of a face that both find survives the suppression."""
        found = super()._candidates(images, confidence)
        large = [index for index, image in enumerate(images) if max(image.shape[:2]) > _TRUSTED]
        again = super()._candidates([_halve(images[index]) for index in large], confidence)
        if found is None or again is None:
            return found
        factors = np.array([_factors(images[index]) for index in large], np.float32)[again.picture]
        boxes = np.asarray(again.boxes * np.tile(factors, 2), np.float32)
        kept = np.flatnonzero((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) >= _LARGE)
        # between pixel centres: centre 0 of the half picture lies half a pixel into the whole one
        points = np.asarray((again.points + 0.5) * factors[:, None] - 0.5, np.float32)
        places = np.array(large, np.int64)[again.picture]
        return merge([found, Candidates(places[kept], boxes[kept], points[kept], again.scores[kept])])


def _halved(image: Image) -> tuple[int, int]:
    height, width = (max(1, round(side / _HALF)) for side in image.shape[:2])
    return width, height


def _halve(image: Image) -> Image:
    return np.asarray(cv2.resize(image, _halved(image), interpolation=cv2.INTER_AREA), np.uint8)


def _factors(image: Image) -> tuple[float, float]:
    """What x and y of the half picture are multiplied by; not quite 2 where a side is odd."""
    width, height = _halved(image)
    return image.shape[1] / width, image.shape[0] / height


def decode(outputs: Sequence[FloatArray], height: int, width: int, confidence: float) -> Candidates:
    """Reads the network's numbers; see :class:`app.vision.detectors.one_shot.Decode`.

    Args:
        outputs: Scores of the three strides, then distances to the four sides, then to the five points, in strides;
            each (n, anchors, k), or (anchors, k) for one picture.
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.
        confidence: Lowest score.
    """
    stacked = [output if output.ndim == 3 else output[None] for output in outputs]
    parts = []
    for level, stride in enumerate(STRIDES):
        scores, distances, points = (stacked[level + kind * len(STRIDES)] for kind in range(3))
        picture, anchor = above(scores[..., 0], confidence)
        sizes = ((stride, stride),) * ANCHORS_PER_CELL
        places = anchor_grid(height // stride, width // stride, stride, sizes, 0.0)[anchor]
        chosen = points[picture, anchor].reshape(-1, 5, 2) * np.float32(stride)
        parts.append(
            Candidates(
                picture,
                decode_distances(places, distances[picture, anchor] * np.float32(stride)),
                np.asarray(places[:, None, :2] + chosen, np.float32),
                scores[picture, anchor, 0],
            )
        )
    return merge(parts)
