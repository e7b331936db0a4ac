"""The face embedder: aligned chips in, unit vectors out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from app.domain import Detection, FloatArray, Image
from app.errors import InvalidInputError
from app.vision.align import DLIB_TEMPLATE, align
from app.vision.embedders import dlib_graph
from app.vision.embedders.blanks import blank_chips
from app.vision.embedders.dlib_weights import CHIP_SIZE
from app.vision.parts import to_unit_length
from app.vision.runtime import OnnxSession, RuntimeOptions
from app.vision.weights_cache import load_or_build

_BATCH = 32  # more saves no time on a CPU and only takes memory


class DlibEmbedder:
    """dlib's face ResNet.

    Attributes:
        dimension: Length of a vector.
        chip_size: Side of the chips it takes, in pixels.
        template: Where the landmarks lie in a chip.
    """

    dimension = dlib_graph.DIMENSION
    chip_size = CHIP_SIZE
    template: FloatArray | None = DLIB_TEMPLATE

    def __init__(self, cache_dir: Path, *, flip: bool = True, runtime: RuntimeOptions | None = None) -> None:
        """Loads the model; rebuilds it first where the cache does not hold it.

        Args:
            cache_dir: Folder for rebuilt models.
            flip: Whether an embedding is that of the chip and its mirror image together.
            runtime: How the network is run.

        Raises:
            ModelError: The weights are missing or damaged.
        """

        def model() -> bytes:
            return load_or_build(cache_dir, "dlib-resnet", dlib_graph.GRAPH_VERSION, dlib_graph.build_onnx)

        blanks = blank_chips(self.chip_size)
        self._flip = flip
        self._session = OnnxSession(model, runtime=runtime, blocked_layout=True, example=lambda: blanks)
        self._blanks = self.embed(blanks)

    @property
    def seconds(self) -> float:
        """Wall time spent in the model so far."""
        return self._session.seconds

    def cut(self, image: Image, detection: Detection) -> Image:
        """See :meth:`app.vision.parts.Embedder.cut`; the chip is ``uint8`` (150, 150, 3)."""
        return align(image, detection.landmarks)

    def describe(self, chips: npt.NDArray[np.uint8]) -> FloatArray:
        """Computes dlib's own descriptors, whose length is 1.2 to 1.7.

        Args:
            chips: ``uint8`` (n, 150, 150, 3) RGB, aligned; n may be 0.

        Returns:
            ``float32`` (n, 128).

        Raises:
            InvalidInputError: The chips have another shape or dtype.
        """
        side = self.chip_size
        if chips.dtype != np.uint8 or chips.ndim != 4 or chips.shape[1:] != (side, side, 3):
            raise InvalidInputError(f"Face chips must be uint8 of shape (n, {side}, {side}, 3).")
        batches = ({dlib_graph.INPUT_NAME: part} for part in _split(chips))
        parts = [outputs[0] for outputs in self._session.run_all(batches)]
        return np.concatenate(parts) if parts else np.empty((0, self.dimension), np.float32)

    def embed(self, chips: npt.NDArray[np.uint8]) -> FloatArray:
        """Computes embeddings: unless told otherwise, of each chip and its mirror image, which show the same person.

        The mean of the two is a better measure than either: the gap between the most unlike clips of one person and
        the most alike clips of two widens by a tenth, for twice the time.

        Args:
            chips: ``uint8`` (n, 150, 150, 3) RGB, aligned; n may be 0.

        Returns:
            ``float32`` (n, 128), each of unit length.

        Raises:
            InvalidInputError: The chips have another shape or dtype.
        """
        if not self._flip:
            return to_unit_length(self.describe(chips))
        both = self.describe(np.concatenate([chips, _mirrored(chips)]))
        return to_unit_length(both[: len(chips)] + both[len(chips) :])

    def presence(self, embeddings: FloatArray) -> FloatArray:
        """Tells how far embeddings are from what the net answers where there is no face.

        Args:
            embeddings: ``float32`` (n, 128) of unit length.

        Returns:
            ``float32`` (n,): cosine distance to the nearest such answer; 0.02 to 0.08 for what is no face, 0.06 to
            0.14 for faces.
        """
        if not len(embeddings):
            return np.empty(0, np.float32)
        nearest: FloatArray = (embeddings @ self._blanks.T).max(1)
        return np.asarray(1.0 - nearest, np.float32)


def _mirrored(chips: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if chips.dtype != np.uint8 or chips.ndim != 4 or not chips.size:
        return chips  # to be refused, or nothing to do
    # all as one tall picture, which takes a tenth of the time of copying a view of negative strides
    tall = np.ascontiguousarray(chips).reshape(-1, *chips.shape[2:])
    return np.asarray(cv2.flip(tall, 1), np.uint8).reshape(chips.shape)


def _split(chips: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
    for start in range(0, len(chips), _BATCH):
        yield np.ascontiguousarray(chips[start : start + _BATCH])
