"""How well an embedder tells people apart, from faces whose owners are known.

Nothing here looks at pictures: embeddings and names in, figures out. Distances are cosine distances of unit vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from app.domain import FloatArray, IntArray
from app.errors import InvalidInputError

FALSE_RATES = (1e-2, 1e-3, 1e-4)

# Pairs of strangers grow with the square of the faces; 400 of these lie beyond the strictest rate, which is enough.
MOST_PAIRS = 4_000_000

_SEED = 0
_BINS = 80


@dataclass(frozen=True, slots=True)
class Pairs:
    """Distances of pairs of faces.

    Attributes:
        same: ``float32`` (n,), of two faces of one person.
        different: ``float32`` (m,), of faces of two people; a sample where there are very many.
    """

    same: FloatArray
    different: FloatArray


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """How many pairs of one person are found where a certain share of strangers pass.

    Attributes:
        false_rate: Share of pairs of strangers that may be nearer than the threshold.
        true_rate: Share of pairs of one person that are nearer than the threshold.
        distance: The threshold.
        resolved: Whether there are enough pairs of strangers; ``False`` where not even one may pass, so that the true
            rate is the one without any mistake among these pairs.
    """

    false_rate: float
    true_rate: float
    distance: float
    resolved: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was found.

    Attributes:
        same_pairs: Number of pairs of one person.
        different_pairs: Number of pairs of two people that were looked at.
        points: One for each of :data:`FALSE_RATES`.
        d_prime: Distance of the two means in units of their common deviation.
        best_distance: The threshold with the fewest errors, both kinds weighed alike.
        best_accuracy: Mean share of right answers, of both kinds, there.
        same_person_distance: Middle of the fitted logistic curve; see :func:`fit_similarity`.
        similarity_scale: Its width.
        edges: ``float32`` (bins + 1,), limits of the histogram's bins.
        same_counts: (bins,), pairs of one person in each.
        different_counts: (bins,), pairs of two people in each.
    """

    same_pairs: int
    different_pairs: int
    points: tuple[OperatingPoint, ...]
    d_prime: float
    best_distance: float
    best_accuracy: float
    same_person_distance: float
    similarity_scale: float
    edges: FloatArray
    same_counts: IntArray
    different_counts: IntArray


def pair_distances(embeddings: FloatArray, people: IntArray) -> Pairs:
    """Distances of all pairs of faces.

    Args:
        embeddings: ``float32`` (n, d), unit length.
        people: (n,), whose face each is.

    Returns:
        All pairs of one person, and all or :data:`MOST_PAIRS` of two people, always the same ones.

    Raises:
        InvalidInputError: There is no pair of one person, or none of two.
    """
    same = [_within(embeddings[people == person]) for person in np.unique(people)]
    together = np.concatenate(same) if same else np.empty(0, np.float32)
    apart = _between(embeddings, people, len(people) * (len(people) - 1) // 2 - len(together))
    if not len(together) or not len(apart):
        raise InvalidInputError("At least two people are needed, and two faces of one of them.")
    return Pairs(together, apart)


def _within(faces: FloatArray) -> FloatArray:
    first, second = np.triu_indices(len(faces), 1)
    return np.asarray((1.0 - faces @ faces.T)[first, second], np.float32)


def _between(embeddings: FloatArray, people: IntArray, count: int) -> FloatArray:
    if count <= MOST_PAIRS:
        first, second = np.triu_indices(len(people), 1)
    else:
        first, second = np.random.default_rng(_SEED).integers(0, len(people), (2, MOST_PAIRS))
    strangers = people[first] != people[second]
    first, second = first[strangers], second[strangers]
    products = [
        np.einsum("ij,ij->i", embeddings[first[part]], embeddings[second[part]])
        for part in np.array_split(np.arange(len(first)), max(1, len(first) // 100_000))
    ]
    return np.asarray(1.0 - np.concatenate(products), np.float32)


def evaluate(pairs: Pairs) -> Evaluation:
    """Measures how well distances tell people apart.

    Args:
        pairs: See :func:`pair_distances`.

    Returns:
        The figures; see :class:`Evaluation`.
    """
    same, different = np.sort(pairs.same), np.sort(pairs.different)
    best, accuracy = _best(same, different)
    middle, width = fit_similarity(pairs)
    edges = np.linspace(0.0, max(1e-3, float(max(same[-1], different[-1])) * 1.02), _BINS + 1, dtype=np.float32)
    return Evaluation(
        same_pairs=len(same),
        different_pairs=len(different),
        points=tuple(operating_point(same, different, rate) for rate in FALSE_RATES),
        d_prime=d_prime(same, different),
        best_distance=best,
        best_accuracy=accuracy,
        same_person_distance=middle,
        similarity_scale=width,
        edges=edges,
        same_counts=np.histogram(same, edges)[0].astype(np.int64),
        different_counts=np.histogram(different, edges)[0].astype(np.int64),
    )


def operating_point(same: FloatArray, different: FloatArray, false_rate: float) -> OperatingPoint:
    """The most generous threshold that lets at most a share of strangers pass.

    Args:
        same: Sorted distances of one person.
        different: Sorted distances of two people.
        false_rate: The share, 0..1.
    """
    allowed = int(false_rate * len(different) + 1e-9)
    threshold = float(different[min(allowed, len(different) - 1)])  # pairs must be nearer, so `allowed` of them pass
    found = int(np.searchsorted(same, threshold, side="left"))
    return OperatingPoint(false_rate, found / len(same), threshold, resolved=allowed > 0)


def d_prime(same: FloatArray, different: FloatArray) -> float:
    """Difference of the means over the root mean square of the deviations."""
    deviation = float(np.sqrt((same.var() + different.var()) / 2))
    return float(different.mean() - same.mean()) / max(deviation, 1e-9)


def _best(same: FloatArray, different: FloatArray) -> tuple[float, float]:
    """Threshold with the highest mean of both shares of right answers; the middle of the gap where it is open."""
    limits = np.unique(np.concatenate([same, different]))
    middles = (limits[1:] + limits[:-1]) / 2 if len(limits) > 1 else limits
    found = np.searchsorted(same, middles, side="left") / len(same)
    refused = 1.0 - np.searchsorted(different, middles, side="left") / len(different)
    accuracy = (found + refused) / 2
    top = np.flatnonzero(accuracy >= accuracy.max() - 1e-12)
    place = int(top[len(top) // 2])
    return float(middles[place]), float(accuracy[place])


def fit_similarity(pairs: Pairs) -> tuple[float, float]:
    """Fits the logistic curve that turns a distance into how surely two faces are one person.

    The curve is ``1 / (1 + exp((distance - middle) / width))``. Both kinds of pairs weigh alike, so one half is where
    the two mistakes balance. The targets are not 1 and 0 but Platt's ``(n + 1) / (n + 2)`` and its complement, with n
    the smaller number of pairs: where the kinds do not overlap, the curve is then as steep as that many pairs can tell,
    instead of a step ("Probabilistic Outputs for Support Vector Machines", 1999).

    Args:
        pairs: See :func:`pair_distances`.

    Returns:
        Middle and width, in distance.
    """
    same, different = pairs.same.astype(np.float64), pairs.different.astype(np.float64)
    surest = _surest(min(len(same), len(different)))
    unit = max(float(np.median(different) - np.median(same)), 1e-6)
    start = float(np.median(different) + np.median(same)) / 2

    def loss(place: npt.NDArray[np.float64]) -> float:
        slope = np.exp(place[1]) / unit
        near, far = slope * (start + unit * place[0] - same), slope * (start + unit * place[0] - different)
        return float(
            np.mean(np.logaddexp(0, near) - surest * near) + np.mean(np.logaddexp(0, far) - (1 - surest) * far)
        )

    found = minimize(loss, np.array([0.0, 2.0]), method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9}).x
    return float(start + unit * found[0]), float(unit / np.exp(found[1]))


def _surest(pairs: int) -> float:
    return (pairs + 1) / (pairs + 2)
