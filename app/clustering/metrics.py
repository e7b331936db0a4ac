"""How well a grouping matches the truth.

BCubed: Bagga and Baldwin, "Entity-based cross-document coreferencing using the vector space model", 1998; for
disjoint groups, as here, averaged over items. Pairwise: precision and recall over all pairs of items.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from app.domain import IntArray


@dataclass(frozen=True, slots=True)
class Scores:
    """Precision, recall and their harmonic mean, all 0..1.

    Attributes:
        precision: How pure the groups are.
        recall: How whole the people are.
    """

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Harmonic mean of precision and recall; 0 when both are 0."""
        total = self.precision + self.recall
        return 2.0 * self.precision * self.recall / total if total else 0.0


def bcubed(truth: Sequence[Hashable], found: Sequence[Hashable]) -> Scores:
    """BCubed scores of a grouping.

    Args:
        truth: The true person of each item.
        found: The group of each item; ``None`` or -1 means that the item is in no group, and counts as alone.

    Raises:
        ValueError: If the lengths differ or there is no item.
    """
    both, by_truth, by_found = _counts(truth, found)
    shared, true_size, found_size = both[:, 2], by_truth[both[:, 0]], by_found[both[:, 1]]
    items = shared.sum()
    return Scores(
        precision=float((shared * shared / found_size).sum() / items),
        recall=float((shared * shared / true_size).sum() / items),
    )


def pairwise(truth: Sequence[Hashable], found: Sequence[Hashable]) -> Scores:
    """Scores over pairs of items.

    Where there is no pair to be right about (no group, or no person, with two items), the score is 1: no claim was
    wrong, or nothing was missed.

    Args:
        truth: The true person of each item.
        found: The group of each item; ``None`` or -1 means that the item is in no group, and counts as alone.

    Raises:
        ValueError: If the lengths differ or there is no item.
    """
    both, by_truth, by_found = _counts(truth, found)
    hits = _pairs(both[:, 2])
    claimed, true = _pairs(by_found), _pairs(by_truth)
    return Scores(precision=hits / claimed if claimed else 1.0, recall=hits / true if true else 1.0)


def purity(truth: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Share of items that belong to the person who has most of their group, 0..1.

    Args:
        truth: The true person of each item.
        found: The group of each item; ``None`` or -1 means that the item is in no group, and counts as alone.

    Raises:
        ValueError: If the lengths differ or there is no item.
    """
    both, _, by_found = _counts(truth, found)
    most = np.zeros(len(by_found), dtype=np.int64)
    np.maximum.at(most, both[:, 1], both[:, 2])
    return float(most.sum() / both[:, 2].sum())


def splits(truth: Sequence[Hashable], found: Sequence[Hashable]) -> int:
    """How many groups there are too many: for each person the groups that they are in, but for the first.

    Args:
        truth: The true person of each item.
        found: The group of each item; ``None`` or -1 means that the item is in no group, and counts as alone.

    Raises:
        ValueError: If the lengths differ or there is no item.
    """
    both, by_truth, _ = _counts(truth, found)
    return len(both) - len(by_truth)


def _pairs(sizes: IntArray) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _counts(truth: Sequence[Hashable], found: Sequence[Hashable]) -> tuple[IntArray, IntArray, IntArray]:
    """Counts (truth, found) combinations as rows (truth index, found index, items), and items per truth and found."""
    if len(truth) != len(found):
        raise ValueError(f"{len(truth)} true labels but {len(found)} found ones")
    if not len(truth):
        raise ValueError("there is nothing to score")
    alone = [(True, i) if group is None or group == -1 else (False, group) for i, group in enumerate(found)]
    pairs = np.column_stack([_numbered(truth), _numbered(alone)])
    both, items = np.unique(pairs, axis=0, return_counts=True)
    return np.column_stack([both, items]), np.bincount(pairs[:, 0]), np.bincount(pairs[:, 1])


def _numbered(values: Sequence[Hashable]) -> IntArray:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)
