"""YuNet: a detector of 75,000 parameters with five points, made for small machines.

Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector" (2023). Its numbers are read as OpenCV does it
(``modules/objdetect/src/face_detect.cpp``), which runs the same network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.domain import FloatArray
from app.vision.detectors.anchors import Candidates, above, anchor_grid, decode_boxes, decode_points, merge
from app.vision.detectors.one_shot import OneShotDetector
from app.vision.letterbox import PixelFormat
from app.vision.runtime import RuntimeOptions

PIXELS = PixelFormat(bgr=True)
STRIDES = (8, 16, 32)
OUTPUT_NAMES = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES)

_OVERLAP = 0.3  # OpenCV's default
# Of 40 faces that fill the picture, 40 are found at 480 pixels, 39 at 640, 7 at 1024.
_TRUSTED = 640


class YunetDetector(OneShotDetector):
    """YuNet in the form of 2023, with twelve outputs."""

    def __init__(self, model: bytes | Path, *, batch: int | None = None, runtime: RuntimeOptions | None = None) -> None:
        """Loads the network.

        Args:
            model: The graph.
            batch: 1 where the graph takes only one picture at a time.
            runtime: How networks are run.

        Raises:
            ModelError: The graph cannot be loaded.
        """
        super().__init__(model, PIXELS, self._decode, overlap=_OVERLAP, trusted=_TRUSTED, batch=batch, runtime=runtime)
        names = self._session.output_names
        self._order = [names.index(name) for name in OUTPUT_NAMES]

    def _decode(self, outputs: Sequence[FloatArray], height: int, width: int, confidence: float) -> Candidates:
        return decode([outputs[place] for place in self._order], height, width, confidence)


def decode(outputs: Sequence[FloatArray], height: int, width: int, confidence: float) -> Candidates:
    """Reads the network's numbers; see :class:`app.vision.detectors.one_shot.Decode`.

    Args:
        outputs: In the order of :data:`OUTPUT_NAMES`, each (n, cells, 1), (n, cells, 4) or (n, cells, 10).
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.
        confidence: Lowest score: the geometric mean of what the class and the object branch say.
    """
    parts = []
    for level, stride in enumerate(STRIDES):
        classes, objects, boxes, points = (outputs[level + kind * len(STRIDES)] for kind in range(4))
        scores = np.sqrt(np.clip(classes[..., 0], 0, 1) * np.clip(objects[..., 0], 0, 1))
        picture, cell = above(scores, confidence)
        places = anchor_grid(height // stride, width // stride, stride, ((stride, stride),), 0.0)[cell]
        parts.append(
            Candidates(
                picture,
                decode_boxes(places, boxes[picture, cell]),
                decode_points(places, points[picture, cell]),
                scores[picture, cell],
            )
        )
    return merge(parts)
