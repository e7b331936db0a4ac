"""What the engine is made of: a detector and an embedder, whatever networks stand behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from app.domain import Detection, FloatArray, Image

# What an embedder cuts out of a picture: (size, size, 3) RGB, of the dtype that it wants itself.
Chip = npt.NDArray[Any]

_SHORTEST = 1e-6


class Detector(Protocol):
    """Finds faces and five points of each. Safe to use from one thread at a time; to be made after a fork."""

    @property
    def seconds(self) -> float:
        """Wall time so far during which a network was at work."""

    def detect(
        self, images: Sequence[Image], *, min_face_size: int | Sequence[int], confidence: float
    ) -> list[list[Detection]]:
        """Finds the faces of several pictures; several at once are quicker than one by one.

        Args:
            images: ``uint8`` (height, width, 3) RGB, of any sizes; may be empty.
            min_face_size: Shorter side in pixels of the smallest face to return, for all pictures or for each.
            confidence: Lowest score, 0..1, of a face that is returned.

        Returns:
            For each picture its faces, most certain first. Boxes and points are in that picture's pixels and may reach
            outside of it.

        Raises:
            ModelError: A network fails.
        """


class Embedder(Protocol):
    """Turns faces into vectors. Safe to use from one thread at a time; to be made after a fork.

    Attributes:
        dimension: Length of a vector.
        template: ``float32`` (5, 2): where the landmarks lie in a chip, in its pixels; ``None`` where chips are not cut
            by landmarks.
    """

    dimension: int
    template: FloatArray | None

    @property
    def seconds(self) -> float:
        """Wall time so far during which a network was at work."""

    def cut(self, image: Image, detection: Detection) -> Chip:
        """Cuts a face out of a picture as the network was trained to see it.

        Args:
            image: ``uint8`` (height, width, 3) RGB, the source picture.
            detection: The face, in pixels of ``image``.

        Returns:
            The chip; all chips of an embedder have one shape and dtype.
        """

    def embed(self, chips: npt.NDArray[Any]) -> FloatArray:
        """Computes embeddings.

        Args:
            chips: Stacked chips of :meth:`cut` (n, size, size, 3); n may be 0.

        Returns:
            ``float32`` (n, dimension), each of unit length.

        Raises:
            InvalidInputError: The chips have another shape or dtype.
            ModelError: The network fails.
        """

    def presence(self, embeddings: FloatArray) -> FloatArray:
        """Tells how far embeddings are from what the network answers where there is no face.

        Args:
            embeddings: ``float32`` (n, dimension) of unit length.

        Returns:
            ``float32`` (n,): cosine distance to the nearest such answer.
        """


def to_unit_length(vectors: FloatArray) -> FloatArray:
    """Divides vectors (..., d) by their length; the result is ``float32`` of the same shape."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, _SHORTEST), np.float32)
