"""Detectors that are one graph: pictures are padded, given to it in batches, and its numbers are decoded.

What differs from network to network is how it wants its pixels and how its numbers are read; see :class:`Decode`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from app.domain import Detection, FloatArray, Image
from app.vision.detectors.anchors import Candidates, merge, pick_faces
from app.vision.letterbox import Letterbox, PixelFormat, Tensor
from app.vision.runtime import OnnxSession, RuntimeOptions


class Decode(Protocol):
    """Reads a network's numbers."""

    def __call__(self, outputs: Sequence[FloatArray], height: int, width: int, confidence: float) -> Candidates:
        """Decodes one batch.

        Args:
            outputs: What the network gave, in the graph's order.
            height: Height of the batch's pictures in pixels, padding included; a multiple of 32.
            width: Width, likewise.
            confidence: Lowest score, 0..1, of what is returned.

        Returns:
            Candidates, in pixels of the batch's pictures.
        """


class OneShotDetector:
    """A detector as in :class:`app.vision.parts.Detector`, for any network of one graph."""

    def __init__(
        self,
        model: bytes | Path,
        pixels: PixelFormat,
        decode: Decode,
        *,
        overlap: float,
        batch: int | None = None,
        runtime: RuntimeOptions | None = None,
    ) -> None:
        """Loads the network.

        Args:
            model: The graph, with one input (n, 3, height, width) whose height and width are free.
            pixels: How it wants its pixels.
            decode: How its numbers are read.
            overlap: Of two boxes that overlap by at least this (IoU, 0..1) only the better one stays.
            batch: 1 where the graph takes only one picture at a time.
            runtime: How networks are run.

        Raises:
            ModelError: The graph cannot be loaded.
        """
        self._session = OnnxSession(model, runtime=runtime, blocked_layout=True)
        self._input = self._session.input_names[0]
        self._letterbox = Letterbox(pixels, max_pixels=1) if batch == 1 else Letterbox(pixels)
        self._decode = decode
        self._overlap = overlap

    @property
    def seconds(self) -> float:
        """Wall time so far during which the network was at work."""
        return self._session.seconds

    def detect(
        self, images: Sequence[Image], *, min_face_size: int | Sequence[int], confidence: float
    ) -> list[list[Detection]]:
        """See :meth:`app.vision.parts.Detector.detect`."""
        smallest = [min_face_size] * len(images) if isinstance(min_face_size, int) else min_face_size
        found = self._candidates(images, confidence)
        if found is None:
            return [[] for _ in images]
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        return pick_faces(found, sizes, overlap=self._overlap, min_face_sizes=smallest)

    def _candidates(self, images: Sequence[Image], confidence: float) -> Candidates | None:
        """What the network sees, before doubles are suppressed; ``None`` where there are no pictures."""
        parts = []
        for slot, outputs in self._letterbox.run(images, self._run):
            found = self._decode(outputs, slot.height, slot.width, confidence)
            places = np.array(slot.indices, np.int64)[found.picture]
            parts.append(Candidates(places, found.boxes, found.points, found.scores))
        return merge(parts) if parts else None

    def _run(self, tensor: Tensor) -> list[FloatArray]:
        return self._session.run({self._input: tensor})
