"""Finds the faces of an earlier look at a video among those of a new one, by time and place. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.domain import FloatArray, IntArray
from app.vision.boxes import overlap

SAME_TIME_SECONDS = 0.02
"""Frames that are no further apart are one frame."""

NEAR_SECONDS = 0.5
"""How far a frame may be from the one that was looked at before; in between a face goes on, or another one comes."""

SAME_PLACE = 0.5
"""Least overlap (IoU) of two boxes of one face."""

NOT_FOUND = -1


@dataclass(frozen=True)
class Places:
    """Faces of one video, in any order, as parallel arrays of length n.

    Attributes:
        ids: ``int64``.
        times: ``float64`` seconds.
        boxes: ``float64`` (n, 4): x1, y1, x2, y2 in pixels.
    """

    ids: IntArray
    times: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float64]

    @classmethod
    def of(cls, rows: Sequence[tuple[int, float, float, float, float, float]]) -> Places:
        """From rows of id, time and the corners of the box."""
        table = np.array(rows, np.float64).reshape(-1, 6)
        return cls(table[:, 0].astype(np.int64), table[:, 1], table[:, 2:])

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Pairs:
    """Which faces are one, as parallel arrays of length m; a new face is in one pair at most.

    Attributes:
        old: ``int64`` places in the old faces.
        new: ``int64`` places in the new faces.
        apart: ``float64`` seconds between the two.
    """

    old: IntArray
    new: IntArray
    apart: npt.NDArray[np.float64]


def same_faces(old: Places, new: Places, *, within: float = NEAR_SECONDS) -> Pairs:
    """Pairs each new face with the old one at the same place that is nearest in time.

    Of one new frame, two faces are never paired with the same old face. An old face may be found in several new frames.

    Args:
        old: What an earlier look found.
        new: What this one found.
        within: Seconds that the two may be apart.

    Returns:
        The pairs, ordered by new face.
    """
    order = np.argsort(old.times, kind="stable")
    times = old.times[order]
    pairs: list[tuple[int, int, float]] = []
    frames = np.argsort(new.times, kind="stable")
    cuts = np.flatnonzero(np.diff(new.times[frames]) > 0) + 1
    for frame in np.split(frames, cuts) if len(new) else []:
        now = new.times[frame[0]]
        low, high = np.searchsorted(times, [now - within, now + within + 1e-9])
        near = order[low:high]
        pairs += _of_frame(old, new, near, frame, now)
    found = sorted((j, i, apart) for i, j, apart in pairs)
    return Pairs(
        np.array([i for _, i, _ in found], np.int64),
        np.array([j for j, _, _ in found], np.int64),
        np.array([apart for _, _, apart in found], np.float64),
    )


def _of_frame(old: Places, new: Places, near: IntArray, frame: IntArray, now: float) -> list[tuple[int, int, float]]:
    """The pairs of one new frame: nearest in time first, then the largest overlap."""
    shares = overlap(old.boxes[near], new.boxes[frame])
    rows, columns = np.nonzero(shares >= SAME_PLACE)
    apart = np.abs(old.times[near[rows]] - now)
    taken: set[int] = set()
    used: set[int] = set()
    pairs: list[tuple[int, int, float]] = []
    for one in np.lexsort((-shares[rows, columns], np.round(apart, 3))):
        i, j = int(near[rows[one]]), int(frame[columns[one]])
        if i not in used and j not in taken:
            used.add(i)
            taken.add(j)
            pairs.append((i, j, float(apart[one])))
    return pairs


def alike(pairs: Pairs, old: FloatArray, new: FloatArray, distance: float) -> npt.NDArray[np.bool_]:
    """Which pairs also look alike.

    Args:
        pairs: The pairs.
        old: ``float32`` (n, d) embeddings of the old faces, unit length.
        new: The same of the new faces, in the same space.
        distance: Largest cosine distance, 0..2.

    Returns:
        ``bool`` (m,).
    """
    like: npt.NDArray[np.bool_] = 1.0 - np.einsum("ij,ij->i", old[pairs.old], new[pairs.new]) <= distance
    return like
