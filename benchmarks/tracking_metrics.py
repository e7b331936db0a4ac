"""How well tracks follow known people: MOTA, IDF1, HOTA. Arrays in, figures out.

MOTA: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", 2008. IDF1:
Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", 2016. HOTA: Luiten et al.,
"HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Floats = npt.NDArray[np.float64]

ENOUGH = 0.5  # overlap from which a box is somebody's, for MOTA and IDF1
ALPHAS = np.arange(0.05, 0.99, 0.05)


@dataclass(frozen=True)
class Frame:
    """One sampled frame: what is true and what a tracker said.

    Attributes:
        truth: Who is in view, as numbers.
        said: Numbers of the tracks.
        overlap: ``float64`` (len(truth), len(said)): intersection over union of their boxes.
    """

    truth: tuple[int, ...]
    said: tuple[int, ...]
    overlap: Floats


@dataclass(frozen=True)
class Figures:
    """What came out, all as shares.

    Attributes:
        mota: 1 for perfect, may be below 0.
        idf1: 0..1.
        hota: 0..1, the mean over the limits of overlap.
        switches: How often a person goes on under another track.
    """

    mota: float
    idf1: float
    hota: float
    switches: int


def frame(truth: Sequence[int], boxes: Floats, said: Sequence[int], said_boxes: Floats) -> Frame:
    """Compares the boxes of one frame; boxes are ``float64`` (n, 4): x1, y1, x2, y2."""
    return Frame(tuple(truth), tuple(said), overlaps(boxes, said_boxes))


def overlaps(one: Floats, other: Floats) -> Floats:
    """Intersection over union of all pairs, ``float64`` (n, m)."""
    low, high = np.maximum(one[:, None, :2], other[None, :, :2]), np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (one, other)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-12))


def measure(films: Sequence[Sequence[Frame]]) -> Figures:
    """Measures several films as one, in which nobody of one comes back in another."""
    frames = _apart(films)
    mota, switches = _clear(frames)
    return Figures(mota, _idf1(frames), _hota(frames), switches)


def _apart(films: Sequence[Sequence[Frame]]) -> list[Frame]:
    """One film after the other, everybody and every track under a number of its own."""
    people: dict[tuple[int, int], int] = {}
    tracks: dict[tuple[int, int], int] = {}
    return [
        Frame(
            tuple(people.setdefault((place, one), len(people)) for one in seen.truth),
            tuple(tracks.setdefault((place, one), len(tracks)) for one in seen.said),
            seen.overlap,
        )
        for place, film in enumerate(films)
        for seen in film
    ]


def _clear(frames: Sequence[Frame]) -> tuple[float, int]:
    """MOTA and switches: who was followed goes on being followed by the same track where the boxes allow it."""
    missed = false = switches = total = 0
    followed: dict[int, int] = {}
    for seen in frames:
        total += len(seen.truth)
        pairs = _kept(seen, followed)
        left = np.where(seen.overlap >= ENOUGH, 1.0 - seen.overlap, 1e6)
        for i, j in pairs:
            left[i, :] = left[:, j] = 1e6
        rows, columns = linear_sum_assignment(left)
        pairs += [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if left[i, j] < 1e6]
        for i, j in pairs:
            who, track = seen.truth[i], seen.said[j]
            switches += followed.get(who, track) != track
            followed[who] = track
        missed += len(seen.truth) - len(pairs)
        false += len(seen.said) - len(pairs)
    return 1.0 - (missed + false + switches) / max(total, 1), switches


def _kept(seen: Frame, followed: dict[int, int]) -> list[tuple[int, int]]:
    """Who is still where their track is."""
    pairs: list[tuple[int, int]] = []
    for i, who in enumerate(seen.truth):
        j = seen.said.index(followed[who]) if followed.get(who) in seen.said else -1
        if j >= 0 and seen.overlap[i, j] >= ENOUGH and j not in {taken for _, taken in pairs}:
            pairs.append((i, j))
    return pairs


def _counts(frames: Sequence[Frame]) -> tuple[Floats, Floats]:
    """How often each person and each track is there."""
    people, tracks = _numbers(frames)
    return (
        np.bincount([one for seen in frames for one in seen.truth], minlength=people).astype(float),
        np.bincount([one for seen in frames for one in seen.said], minlength=tracks).astype(float),
    )


def _numbers(frames: Sequence[Frame]) -> tuple[int, int]:
    return (
        1 + max((one for seen in frames for one in seen.truth), default=-1),
        1 + max((one for seen in frames for one in seen.said), default=-1),
    )


def _idf1(frames: Sequence[Frame]) -> float:
    """Each person gets the one track that shares most with them, and each track one person, all in all as much as can be."""
    shared = np.zeros(_numbers(frames))
    for seen in frames:
        if seen.overlap.size:
            shared[np.ix_(seen.truth, seen.said)] += seen.overlap >= ENOUGH
    rows, columns = linear_sum_assignment(shared, maximize=True)
    there, said = _counts(frames)
    return float(2 * shared[rows, columns].sum() / max(there.sum() + said.sum(), 1.0))


def _hota(frames: Sequence[Frame]) -> float:
    there, said = _counts(frames)
    likeness = _likeness(frames, there, said)
    matches = [match for seen in frames for match in _best(seen, likeness)]
    scores = []
    for alpha in ALPHAS:
        joint = np.zeros_like(likeness)
        for who, track, overlap in matches:
            joint[who, track] += overlap >= alpha - 1e-9
        hits = joint.sum()
        together = there[:, None] + said[None, :] - joint
        association = (joint * joint / np.maximum(together, 1.0)).sum() / max(hits, 1.0)
        detection = hits / max(there.sum() + said.sum() - hits, 1.0)
        scores.append(np.sqrt(association * detection))
    return float(np.mean(scores))


def _best(seen: Frame, likeness: Floats) -> list[tuple[int, int, float]]:
    """Pairs of a frame that fit best, over the whole film and here: person, track, overlap."""
    if not seen.overlap.size:
        return []
    rows, columns = linear_sum_assignment(likeness[np.ix_(seen.truth, seen.said)] * seen.overlap, maximize=True)
    return [(seen.truth[i], seen.said[j], float(seen.overlap[i, j])) for i, j in zip(rows, columns, strict=True)]


def _likeness(frames: Sequence[Frame], there: Floats, said: Floats) -> Floats:
    """How well a person and a track fit over the whole film, whatever else is near them."""
    shared = np.zeros((len(there), len(said)))
    for seen in frames:
        if seen.overlap.size:
            around = seen.overlap.sum(0, keepdims=True) + seen.overlap.sum(1, keepdims=True) - seen.overlap
            shared[np.ix_(seen.truth, seen.said)] += seen.overlap / np.maximum(around, 1e-12)
    return np.asarray(shared / np.maximum(there[:, None] + said[None, :] - shared, 1e-12))
