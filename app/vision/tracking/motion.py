"""How a face moves: a Kalman filter in seconds, so that samples may be sparse and uneven.

The state of a track is centre (x, y) and logarithm of the height of its face, each with a speed. A speed is no constant
that one may reckon with for ever: who walks stops, who leans over comes back. So it is forgotten within about a second
and what takes its place is chance (an Ornstein-Uhlenbeck process; the model is Singer's, "Estimating Optimal Tracking Filter
Performance for Manned Maneuvering Targets", 1970, one derivative lower). In between two frames in a row that is the usual
constant speed; after some seconds it says honestly that the face may be anywhere.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from app.domain import BoundingBox

Floats = npt.NDArray[np.float64]

# Of centre x, centre y (in heights of the face) and the logarithm of the height.
_SPEED = np.array([1.5, 1.0, 0.3])  # a second, standard deviation
_MEMORY = 1.0  # seconds after which a speed is worth 1/e
# How far a box is off. Boxes tremble by less than 0.02; heads nod, turn and are cut off.
_OFF = np.array([0.08, 0.08, 0.08])
_OFF_POOR = 3.0  # times more for a poor face
# 99 % of true ones are nearer: chi-squared with three degrees of freedom.
GATE = 11.34


class Motion:
    """Where one face is and how it moves; a value that is replaced, never changed."""

    __slots__ = ("_cov", "_mean", "_time")

    def __init__(self, mean: Floats, cov: Floats, time: float) -> None:
        self._mean, self._cov, self._time = mean, cov, time

    @classmethod
    def at(cls, box: BoundingBox, time: float, *, poor: bool = False) -> Self:
        """A face of which nothing is known but one box.

        Args:
            box: The box.
            time: Seconds.
            poor: Whether the face is, so that its box is less sure.
        """
        place = _place(box)
        scale = _scale(place[2])
        cov = np.zeros((3, 2, 2))
        cov[:, 0, 0] = _noise(scale, poor=poor)
        cov[:, 1, 1] = np.square(_SPEED * scale)
        return cls(np.stack([place, np.zeros(3)], axis=1), cov, time)

    def after(self, time: float) -> Self:
        """The same at another time: what is expected, and how surely.

        Args:
            time: Seconds, not before the last box; earlier ones are taken for that.
        """
        passed = max(time - self._time, 0.0)
        keep = float(np.exp(-passed / _MEMORY))
        far = _MEMORY * (1.0 - keep)
        step = np.array([[1.0, far], [0.0, keep]])
        cov = (
            step @ self._cov @ step.T
            + _chance(passed, keep) * np.square(_SPEED * _scale(self._mean[2, 0]))[:, None, None]
        )
        return type(self)(self._mean @ step.T, cov, time)

    def with_box(self, box: BoundingBox, time: float, *, poor: bool = False) -> Self:
        """The same after a box was seen."""
        there = self.after(time)
        spread = there._cov[:, 0, 0] + _noise(_scale(there._mean[2, 0]), poor=poor)
        gain = there._cov[:, :, 0] / spread[:, None]
        mean = there._mean + gain * (_place(box) - there._mean[:, 0])[:, None]
        cov = there._cov - gain[:, :, None] * there._cov[:, None, 0, :]
        return type(self)(mean, cov, time)

    def box(self, like: BoundingBox) -> BoundingBox:
        """Where the face is thought to be.

        Args:
            like: A box of it, which tells how wide it is for its height.
        """
        x, y, size = (float(value) for value in self._mean[:, 0])
        half = float(np.exp(size)) / 2
        wide = half * like.width / max(like.height, 1.0)
        return BoundingBox(x - wide, y - half, x + wide, y + half)

    def distance(self, box: BoundingBox, *, poor: bool = False) -> float:
        """Squared Mahalanobis distance of a box at this time; see :data:`GATE`."""
        spread = self._cov[:, 0, 0] + _noise(_scale(self._mean[2, 0]), poor=poor)
        return float((np.square(_place(box) - self._mean[:, 0]) / spread).sum())


def _place(box: BoundingBox) -> Floats:
    height = max(box.height, 1.0)
    return np.array([(box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, np.log(height)])


def _scale(log_height: float) -> Floats:
    """Pixels of a face's height, for the centre; the logarithm needs none."""
    height = float(np.exp(log_height))
    return np.array([height, height, 1.0])


def _noise(scale: Floats, *, poor: bool) -> Floats:
    return np.square(_OFF * scale * (_OFF_POOR if poor else 1.0))


def _chance(passed: float, keep: float) -> Floats:
    """Covariance (2, 2) of place and speed that chance brings in, for a speed whose variance is 1."""
    place = 2 * _MEMORY * (passed - 2 * _MEMORY * (1 - keep) + _MEMORY / 2 * (1 - keep * keep))
    mixed = _MEMORY * (1 - keep) ** 2
    return np.array([[place, mixed], [mixed, 1 - keep * keep]])
