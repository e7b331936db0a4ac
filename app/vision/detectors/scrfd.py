"""SCRFD, InsightFace's detector, in the form with five points (Guo et al., "Sample and Computation Redistribution", 2021).

Its numbers are read as InsightFace does it (``python-package/insightface/model_zoo/scrfd.py``). That code misses faces
that fill more than two fifths of a picture (insightface#1518), for it enlarges every picture to 640 pixels and the
network was trained on smaller faces. Nothing is enlarged here, and large pictures are looked at again at half the size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.domain import FloatArray
from app.vision.detectors.anchors import Candidates, above, anchor_grid, decode_distances, merge
from app.vision.detectors.one_shot import OneShotDetector
from app.vision.letterbox import PixelFormat
from app.vision.runtime import RuntimeOptions

PIXELS = PixelFormat(mean=(127.5, 127.5, 127.5), scale=1 / 128)
STRIDES = (8, 16, 32)
ANCHORS_PER_CELL = 2

_OVERLAP = 0.4
_TRUSTED = 256  # two fifths of 640


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
        super().__init__(model, PIXELS, decode, overlap=_OVERLAP, trusted=_TRUSTED, batch=batch, runtime=runtime)


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
