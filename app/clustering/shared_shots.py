"""Whether two tracks of different videos show the same footage: the same faces, at the same distance in time.

One person in one chair looks alike all day, so a likeness of faces is not enough. In a copy every face has its
counterpart at the same offset in time, and there the eyes, nose and mouth lie where they lie in the original, once the
one frame is scaled and moved onto the other. A face that talks or moves does not do that twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain import FloatArray, IntArray

# Share of the faces of the common time that must have a counterpart
COVERED = 0.7
# How far the five points may lie from where they should, in distances between the eyes; of one single face, less
OFF, OFF_ALONE = 0.15, 0.04
# A single face must be so many times as near as each of several
ALONE = 3.0


class TrackFaces(NamedTuple):
    """The faces of a track, by time.

    Attributes:
        times: ``float64`` (n,) seconds.
        vectors: ``float32`` (n, d), unit length.
        points: ``float32`` (n, 5, 2) landmarks in pixels, eyes first.
    """

    times: npt.NDArray[np.float64]
    vectors: FloatArray
    points: FloatArray


@dataclass(frozen=True, slots=True)
class Alignment:
    """How two tracks lie over each other.

    Attributes:
        rows: ``int64`` (m,) faces of the first track.
        columns: ``int64`` (m,) their counterparts.
        offset: Seconds that the second is later.
        distance: Mean cosine distance of counterparts.
    """

    rows: IntArray
    columns: IntArray
    offset: float
    distance: float


def align(one: TrackFaces, other: TrackFaces, limit: float) -> Alignment | None:
    """Lays a track over another one.

    Args:
        one: A track.
        other: A track of another video.
        limit: Cosine distance up to which two faces may be one picture.

    Returns:
        How they lie; ``None`` where they are not the same footage.
    """
    distances = 1.0 - one.vectors @ other.vectors.T
    rows, columns = np.nonzero(distances <= limit)
    if not len(rows):
        return None
    offset, tolerance = _offset(one.times, other.times, rows, columns)
    partner = np.abs(other.times[None, :] - one.times[:, None] - offset)
    nearest = partner.argmin(axis=1)
    rows = np.flatnonzero(partner[np.arange(len(nearest)), nearest] <= tolerance)
    columns = nearest[rows]
    found = distances[rows, columns] <= limit
    common = (one.times + offset >= other.times[0] - tolerance) & (one.times + offset <= other.times[-1] + tolerance)
    rows, columns = rows[found], columns[found]
    if not len(rows) or len(rows) < COVERED * np.count_nonzero(common):
        return None
    distance = float(distances[rows, columns].mean())
    off = _off(one.points[rows], other.points[columns])
    if len(rows) == 1 and (off > OFF_ALONE or distance > limit / ALONE):
        return None
    return Alignment(rows, columns, offset, distance) if off <= OFF else None


def _offset(
    times: npt.NDArray[np.float64], others: npt.NDArray[np.float64], rows: IntArray, columns: IntArray
) -> tuple[float, float]:
    """The offset on which most pairs agree, and how far from it a counterpart may be: half the time between faces."""
    gaps = np.concatenate([np.diff(times), np.diff(others), [1e-3]])
    tolerance = max(0.55 * float(np.median(gaps[gaps > 0])), 0.05) if len(times) + len(others) > 2 else 0.5
    offsets = np.sort(others[columns] - times[rows])
    last = np.searchsorted(offsets, offsets + tolerance, side="right")
    best = int(np.argmax(last - np.arange(len(offsets))))
    return float(np.median(offsets[best : last[best]])), tolerance


def _off(points: FloatArray, others: FloatArray) -> float:
    """How far points lie from others after one scaling and shift of all of them, in distances between the eyes."""
    flat, wanted = points.reshape(-1, 2).astype(np.float64), others.reshape(-1, 2).astype(np.float64)
    centred, aim = flat - flat.mean(axis=0), wanted - wanted.mean(axis=0)
    spread = float((centred**2).sum())
    if spread <= 0:
        return np.inf
    scale = float((centred * aim).sum()) / spread
    eyes = float(np.median(np.linalg.norm(others[:, 0] - others[:, 1], axis=1)))
    if scale <= 0 or eyes <= 0:
        return np.inf
    return float(np.sqrt(((aim - scale * centred) ** 2).sum(axis=1).mean())) / eyes
