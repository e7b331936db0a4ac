"""RetinaFace with a MobileNet-0.25 body: small, quick, with five points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.domain import FloatArray
from app.vision.detectors import retinaface_mobile_graph as graph
from app.vision.detectors.anchors import Candidates, above, anchor_grid, decode_boxes, decode_points
from app.vision.detectors.one_shot import OneShotDetector
from app.vision.letterbox import PixelFormat
from app.vision.runtime import RuntimeOptions

# Blue, green and red means of ImageNet in the paper's code are 104, 117 and 123; here red comes first.
PIXELS = PixelFormat(bgr=True, mean=(123.0, 117.0, 104.0))

_VARIANCES = (0.1, 0.2)
_OVERLAP = 0.4
# Of 40 faces that fill the picture, 40 are found at 320 pixels, 38 at 480, 3 at 640.
_TRUSTED = 400


class RetinaFaceMobile(OneShotDetector):
    """RetinaFace-MobileNet0.25, as :func:`app.vision.detectors.retinaface_mobile_graph.build_onnx` makes it."""

    def __init__(self, model: bytes | Path, variant: graph.Variant, *, runtime: RuntimeOptions | None = None) -> None:
        """Loads the network.

        Args:
            model: The graph.
            variant: Whose network it is; must be what the graph was built for.
            runtime: How networks are run.

        Raises:
            ModelError: The graph cannot be loaded.
        """
        self._variant = variant
        super().__init__(model, PIXELS, self._decode_mine, overlap=_OVERLAP, trusted=_TRUSTED, runtime=runtime)

    def _decode_mine(self, outputs: Sequence[FloatArray], height: int, width: int, confidence: float) -> Candidates:
        return decode(outputs, height, width, confidence, self._variant)


def decode(
    outputs: Sequence[FloatArray], height: int, width: int, confidence: float, variant: graph.Variant
) -> Candidates:
    """Reads the network's numbers; see :class:`app.vision.detectors.one_shot.Decode`.

    Args:
        outputs: One array (n, anchors, 15): a logit, four box deltas, ten numbers for the points.
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.
        confidence: Lowest score.
        variant: Whose network it is.
    """
    values = outputs[0]
    picture, anchor = above(values[..., 0], _logit(confidence))
    chosen, places = values[picture, anchor], _anchors(height, width, variant)[anchor]
    return Candidates(
        picture,
        decode_boxes(places, chosen[:, 1:5], variances=_VARIANCES),
        decode_points(places, chosen[:, 5:], variance=_VARIANCES[0]),
        np.asarray(1.0 / (1.0 + np.exp(-chosen[:, 0])), np.float32),
    )


def _anchors(height: int, width: int, variant: graph.Variant) -> FloatArray:
    """Anchors of all levels, the finest first."""
    levels = [
        anchor_grid(height // stride, width // stride, stride, tuple((side, side) for side in sides), stride / 2)
        for stride, sides in zip(graph.STRIDES, variant.sizes, strict=True)
    ]
    return np.concatenate(levels)


def _logit(confidence: float) -> float:
    """Where the logistic curve takes a value; the ends of 0..1 are far but finite."""
    clipped = min(max(confidence, 1e-6), 1.0 - 1e-6)
    return math.log(clipped / (1.0 - clipped))
