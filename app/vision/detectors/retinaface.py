"""RetinaFace with a ResNet-50, on DeepFace's own ``retinaface.onnx``.

DeepFace draws a black border of half a picture on every side, scales the result to 1024 pixels and looks at one picture
at a time; three quarters of what its network sees is border. Here the network sees the picture and nothing else,
several pictures at once, and only what passes the threshold is decoded. On the same pixels the faces are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from app.domain import Detection, FloatArray, Image
from app.vision.detectors.anchors import (
    Candidates,
    above,
    anchor_grid,
    decode_boxes,
    decode_points,
    merge,
    pick_faces,
)
from app.vision.files import ModelFiles
from app.vision.letterbox import Letterbox, PixelFormat, Tensor
from app.vision.reference_weights import load_retinaface
from app.vision.runtime import OnnxSession, RuntimeOptions

# retina-face, RetinaFace.py: sides of the square anchors of each feature map, in the order of the graph's outputs. Its
# table of corners, such as (-248, -248, 263, 263) for 512, puts all their centres at 7.5.
_LEVELS: tuple[tuple[int, tuple[float, float]], ...] = ((32, (512.0, 256.0)), (16, (128.0, 64.0)), (8, (32.0, 16.0)))
_CENTRE = 7.5
_OVERLAP = 0.4
# It counts a box from pixel 5 to pixel 5 as one pixel wide.
_PIXEL = 1.0

# The coarsest map has a cell per 32 pixels, but the network rounds up itself; less padding is less work.
_STRIDE = 8
# Pixels of one run. More is not quicker on a processor, and memory grows with it; a GPU wants more to do.
_BATCH_PIXELS = 2**20
_ACCELERATED_PIXELS = 2**23
# As many pictures as cores, each on a core of its own, are a tenth quicker (640x360, 2 cores) than one after the other
# on all cores. It takes the weights, 110 MB, once more.
_TWIN_BYTES = 2**28


class RetinaFaceDetector:
    """Finds faces and five points of each. To be made after a fork.

    Safe to use from one thread at a time, and from those of the worker pool at once.
    """

    def __init__(self, files: ModelFiles, runtime: RuntimeOptions) -> None:
        """Loads the network.

        Args:
            files: Where DeepFace keeps its weights, and where the rewritten graph is kept.
            runtime: How networks are run.

        Raises:
            ModelError: The weights are missing, damaged or of another network.
        """
        self._session = OnnxSession(
            lambda: load_retinaface(files),
            runtime=runtime,
            blocked_layout=True,
            example=_example,
            twin_bytes=_TWIN_BYTES,
        )
        self._input = self._session.input_names[0]
        pixels = PixelFormat(layout="nhwc", floating=False)
        limit = _ACCELERATED_PIXELS if self._session.accelerated else _BATCH_PIXELS
        self._letterbox = Letterbox(pixels, stride=_STRIDE, max_pixels=limit)

    @property
    def side_by_side(self) -> bool:
        """Whether pictures are found through soonest one by one, each on a thread of the worker pool."""
        return self._session.side_by_side

    @property
    def seconds(self) -> float:
        """Wall time so far during which the network was at work."""
        return self._session.seconds

    def detect(
        self, images: Sequence[Image], *, min_face_size: int | Sequence[int], confidence: float
    ) -> list[list[Detection]]:
        """See :meth:`app.vision.parts.Detector.detect`.

        Boxes reach outside of the picture where the network thinks that the face does; retina-face cuts them off.
        """
        sizes = [min_face_size] * len(images) if isinstance(min_face_size, int) else list(min_face_size)
        faces: list[list[Detection]] = [[] for _ in images]
        for indices, outputs in self._outputs(images):
            shapes = [(images[index].shape[0], images[index].shape[1]) for index in indices]
            smallest = [sizes[index] for index in indices]
            found = pick_faces(
                decode(outputs, confidence), shapes, overlap=_OVERLAP, min_face_sizes=smallest, pixel=_PIXEL
            )
            for index, mine in zip(indices, found, strict=True):
                faces[index] = mine
        return faces

    def _outputs(self, images: Sequence[Image]) -> Iterator[tuple[list[int], list[FloatArray]]]:
        """What the network says, and about which pictures."""
        for slot, outputs in self._letterbox.run(images, self._run):
            yield list(slot.indices), outputs

    def _run(self, tensors: Iterator[Tensor]) -> Iterator[list[FloatArray]]:
        return self._session.run_all({self._input: tensor} for tensor in tensors)


def _example() -> Image:
    """What the network is given, to try half precision on: clouds."""
    clouds = np.random.default_rng(0).integers(0, 256, (2, 12, 20, 3), np.uint8)
    return np.stack([np.asarray(cv2.resize(cloud, (640, 384)), np.uint8) for cloud in clouds])


def decode(outputs: Sequence[FloatArray], threshold: float) -> Candidates:
    """Turns the network's answers into boxes and points, for the anchors that pass.

    Args:
        outputs: For strides 32, 16 and 8: probabilities (n, rows, columns, 4), of which the last two are those of a
            face; box deltas (n, rows, columns, 8); landmark deltas (n, rows, columns, 20).
        threshold: Lowest probability of a face.

    Returns:
        Candidates of all pictures. Landmarks need no reordering: retina-face calls the first one ``right_eye``, which
        is the person's, at image-left.
    """
    parts = []
    for number, (stride, sides) in enumerate(_LEVELS):
        scores, boxes, points = outputs[3 * number : 3 * number + 3]
        count, rows, columns = scores.shape[:3]
        flat = scores[..., len(sides) :].reshape(count, -1)
        picture, anchor = above(flat, threshold)
        grid = anchor_grid(rows, columns, stride, tuple((side, side) for side in sides), _CENTRE)
        chosen, place = grid[anchor], picture * flat.shape[1] + anchor
        parts.append(
            Candidates(
                picture,
                decode_boxes(chosen, boxes.reshape(-1, 4)[place], pixel=_PIXEL),
                decode_points(chosen, points.reshape(-1, 10)[place]),
                flat.ravel()[place],
            )
        )
    return merge(parts)
