"""How a face moves: a Kalman filter in seconds, so that samples may be sparse and uneven.

The state of a track is centre (x, y) and logarithm of the height of its face, each with a speed. A speed is no constant
that one may reckon with for ever: who walks stops, who leans over comes back. So it is forgotten within about a second
and what takes its place is chance (an Ornstein-Uhlenbeck process; the model is Singer's, "Estimating Optimal Tracking Filter
Performance for Manned Maneuvering Targets", 1970, one derivative lower). In between two frames in a row that is the usual
constant speed; after some seconds it says honestly that the face may be anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log
from typing import NamedTuple, Self

from app.domain import BoundingBox

# Of centre x, centre y (in heights of the face) and the logarithm of the height.
_SPEED = (1.5, 1.0, 0.3)  # a second, standard deviation
_MEMORY = 1.0  # seconds after which a speed is worth 1/e
# How far a box is off, in heights. Boxes tremble by less than 0.02; heads nod, turn and are cut off.
_OFF = 0.08
_OFF_POOR = 3.0  # times more for a poor face
# 99 % of true ones are nearer: chi-squared with three degrees of freedom.
GATE = 11.34


class _Axis(NamedTuple):
    """One coordinate: its value, its speed, and their covariance. Plain numbers: arrays of two cost ten times as much."""

    value: float
    speed: float
    spread: float
    mixed: float
    speed_spread: float


class Motion:
    """Where one face is and how it moves; a value that is replaced, never changed."""

    __slots__ = ("_axes", "_time")

    def __init__(self, axes: tuple[_Axis, ...], time: float) -> None:
        self._axes, self._time = axes, time

    @classmethod
    def at(cls, box: BoundingBox, time: float, *, poor: bool = False) -> Self:
        """A face of which nothing is known but one box.

        Args:
            box: The box.
            time: Seconds.
            poor: Whether the face is, so that its box is less sure.
        """
        place = _place(box)
        axes = (
            _Axis(value, 0.0, _noise(scale, poor=poor), 0.0, (speed * scale) ** 2)
            for value, speed, scale in zip(place, _SPEED, _scales(place[2]), strict=True)
        )
        return cls(tuple(axes), time)

    def after(self, time: float) -> Self:
        """The same at another time: what is expected, and how surely.

        Args:
            time: Seconds, not before the last box; earlier ones are taken for that.
        """
        passed = max(time - self._time, 0.0)
        keep = exp(-passed / _MEMORY)
        far = _MEMORY * (1.0 - keep)
        # what chance brings in, for a speed whose variance is 1
        place = 2 * _MEMORY * (passed - 2 * far + far * (1 + keep) / 2)
        mixed, speed_spread = far * (1 - keep), 1 - keep * keep
        axes = (
            _Axis(
                axis.value + far * axis.speed,
                keep * axis.speed,
                axis.spread + 2 * far * axis.mixed + far * far * axis.speed_spread + chance * place,
                keep * (axis.mixed + far * axis.speed_spread) + chance * mixed,
                keep * keep * axis.speed_spread + chance * speed_spread,
            )
            for axis, chance in zip(self._axes, self._chances(), strict=True)
        )
        return type(self)(tuple(axes), time)

    def with_box(self, box: BoundingBox, time: float, *, poor: bool = False) -> Self:
        """The same after a box was seen."""
        there = self.after(time)
        axes = []
        for axis, seen, noise in zip(there._axes, _place(box), there._noises(poor=poor), strict=True):
            total = axis.spread + noise
            gain, speed_gain, off = axis.spread / total, axis.mixed / total, seen - axis.value
            axes.append(
                _Axis(
                    axis.value + gain * off,
                    axis.speed + speed_gain * off,
                    (1 - gain) * axis.spread,
                    (1 - gain) * axis.mixed,
                    axis.speed_spread - speed_gain * axis.mixed,
                )
            )
        return type(self)(tuple(axes), time)

    def box(self, like: BoundingBox) -> BoundingBox:
        """Where the face is thought to be.

        Args:
            like: A box of it, which tells how wide it is for its height.
        """
        x, y, size = (axis.value for axis in self._axes)
        half = exp(size) / 2
        wide = half * like.width / max(like.height, 1.0)
        return BoundingBox(x - wide, y - half, x + wide, y + half)

    def distance(self, box: BoundingBox, *, poor: bool = False) -> float:
        """Squared Mahalanobis distance of a box at this time; see :data:`GATE`."""
        return sum(
            (seen - axis.value) ** 2 / (axis.spread + noise)
            for axis, seen, noise in zip(self._axes, _place(box), self._noises(poor=poor), strict=True)
        )

    def _noises(self, *, poor: bool) -> Iterator[float]:
        return (_noise(scale, poor=poor) for scale in _scales(self._axes[2].value))

    def _chances(self) -> Iterator[float]:
        return ((speed * scale) ** 2 for speed, scale in zip(_SPEED, _scales(self._axes[2].value), strict=True))


def _place(box: BoundingBox) -> tuple[float, float, float]:
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, log(max(box.height, 1.0))


def _scales(log_height: float) -> tuple[float, float, float]:
    """Pixels of a face's height, for the centre; the logarithm needs none."""
    height = exp(log_height)
    return height, height, 1.0


def _noise(scale: float, *, poor: bool) -> float:
    return (_OFF * scale * (_OFF_POOR if poor else 1.0)) ** 2
