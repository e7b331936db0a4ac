"""What is remembered of how a track looks, and how far a face is from that."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.domain import FloatArray
from app.vision.tracking.observations import Observation

Floats = npt.NDArray[np.float64]

# Looks nearer in time say the same once more: a budget of fifty would be used up in two seconds of every frame.
_APART = 0.2


class Looks:
    """Up to ``budget`` looks of one face, of usable faces where there are any, the oldest given up first."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept: list[FloatArray] = []
        self._stacked: FloatArray | None = None
        self._last: Observation | None = None
        self._usable = False
        self._since = float("-inf")

    def add(self, face: Observation) -> None:
        """Takes the track's next face."""
        self._last = face
        if face.quality.usable and not self._usable:
            self._kept, self._usable, self._since = [], True, float("-inf")
        if face.quality.usable != self._usable or face.timestamp - self._since < _APART:
            return
        self._since = face.timestamp
        self._kept = [*self._kept[max(len(self._kept) - self._budget + 1, 0) :], face.embedding]
        self._stacked = None

    def distances(self, embeddings: FloatArray) -> Floats:
        """How far faces are from the track.

        The last face knows the pose of the moment, so who is as near to it belongs to it. Of the others the nearer half
        counts, by the mean of its similarities: faces of one person come in a few poses, and a single one that happens
        to be near proves nothing. (Not the similarity to their mean: a mean is nearer to strangers than any face in it.)

        Args:
            embeddings: ``float32`` (n, d), unit length.

        Returns:
            ``float64`` (n,), cosine distances.
        """
        if self._last is None:
            raise ValueError("a track without a face looks like nobody")
        if self._stacked is None:
            self._stacked = np.stack(self._kept)
        similar = np.sort(embeddings @ self._stacked.T, axis=1)
        nearest = similar[:, similar.shape[1] // 2 :].mean(axis=1, dtype=np.float64)
        return np.asarray(1.0 - np.maximum(nearest, embeddings @ self._last.embedding), np.float64)
