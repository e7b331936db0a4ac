"""FaceNet: networks that were trained on a detector's boxes, stretched to a square, instead of on aligned faces."""

from __future__ import annotations

import numpy as np

from app.domain import Detection, FloatArray, Image
from app.vision.align import estimate_similarity, warp
from app.vision.embedders.onnx_embedder import OnnxEmbedder

SIZE = 160

# The networks saw MTCNN's boxes with a margin of 44 in 182 pixels, stretched to a square, and the middle 160 pixels of
# that (davidsandberg/facenet, align_dataset_mtcnn.py). A box is 0.744 times as wide as high. Where the points lie in
# such a picture: means over MTCNN's points in its boxes of 81 faces of stills and group pictures.
TEMPLATE: FloatArray = np.array(
    [[47.95, 63.80], [110.46, 63.95], [78.74, 93.49], [50.07, 113.47], [108.13, 113.54]], np.float32
)
_STRETCH = 1 / 0.744
_MIDDLE = np.float32(SIZE / 2)


class FaceNetEmbedder(OnnxEmbedder):
    """An embedder that sees upright faces in the proportions of the networks' training."""

    def cut(self, image: Image, detection: Detection) -> Image:
        """See :meth:`app.vision.parts.Embedder.cut`; the chip is ``uint8`` (160, 160, 3) RGB."""
        matrix = estimate_similarity(detection.landmarks, _UPRIGHT)
        matrix[0] *= _STRETCH
        matrix[0, 2] += _MIDDLE * (1 - _STRETCH)
        return warp(image, matrix, SIZE)


# the template in a face's own proportions
_UPRIGHT = np.column_stack([(TEMPLATE[:, 0] - _MIDDLE) / np.float32(_STRETCH) + _MIDDLE, TEMPLATE[:, 1]])
