"""What a track amounts to: its mean, its best face, and whether it counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.domain import Quality, QualityReason
from app.vision.tracking.observations import Observation, TrackResult
from app.vision.tracking.settings import TrackSettings

# A face that is no better than this still has some say, so that a track of bad faces has a mean.
SMALLEST_WEIGHT = 0.05


class Evidence:
    """Sums instead of faces, so that its size does not grow with vectors."""

    def __init__(self, settings: TrackSettings) -> None:
        self._settings = settings
        self._keys: list[int] = []
        self._first: Observation | None = None
        self._last: Observation | None = None
        self._best: Observation | None = None
        # Of the usable faces, or of all as long as none is usable.
        self._sum: npt.NDArray[np.float64] = np.zeros(0)
        self._usable_count = self._false_count = 0

    @property
    def usable_count(self) -> int:
        """How many of its faces are usable."""
        return self._usable_count

    def add(self, face: Observation) -> None:
        """Takes the track's next face."""
        self._keys.append(face.key)
        self._usable_count += face.quality.usable
        self._false_count += QualityReason.UNLIKE_FACE in face.quality.reasons
        if len(self._keys) == 1 or (face.quality.usable and self._usable_count == 1):
            self._sum = np.zeros(len(face.embedding))
        if face.quality.usable or not self._usable_count:
            self._sum += max(face.quality.score, SMALLEST_WEIGHT) * face.embedding.astype(np.float64)
        if self._best is None or _rank(face.quality) > _rank(self._best.quality):
            self._best = face
        self._first, self._last = self._first or face, face

    def result(self) -> TrackResult:
        """The track as it is handed out.

        Raises:
            ValueError: It has no face.
        """
        if self._first is None or self._last is None or self._best is None:
            raise ValueError("a track has at least one face")
        return TrackResult(
            keys=tuple(self._keys),
            start=self._first.timestamp,
            end=self._last.end,
            best_key=self._best.key,
            embedding=(self._sum / max(float(np.linalg.norm(self._sum)), 1e-12)).astype(np.float32),
            quality=self._best.quality.score,
            usable=self._is_usable(self._best.quality),
            face_count=len(self._keys),
        )

    def _is_usable(self, best: Quality) -> bool:
        """The rule of evidence: nothing that was seen once, badly, or mostly as no face founds a person."""
        if not self._usable_count or self._false_count >= self._settings.false_share * len(self._keys):
            return False
        return self._usable_count >= self._settings.n_init or best.score >= self._settings.lone_quality


def _rank(quality: Quality) -> tuple[bool, float]:
    return quality.usable, quality.score
