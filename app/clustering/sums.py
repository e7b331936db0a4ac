"""Means of groups, added up piece by piece, so that no more than one piece of the members is in memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.domain import FloatArray, IntArray


class GroupSums:
    """Weighted sums of the members of each group.

    Args:
        groups: ``int64`` (g,), numbers of the groups, sorted, each once.
        dimension: Length of the vectors.
    """

    def __init__(self, groups: IntArray, dimension: int) -> None:
        self.groups = groups
        self._sums: npt.NDArray[np.float64] = np.zeros((len(groups), dimension), np.float64)
        self._weights: npt.NDArray[np.float64] = np.zeros(len(groups), np.float64)

    def add(self, members: IntArray, vectors: FloatArray, weights: FloatArray) -> None:
        """Adds members; those of other groups are passed over.

        Args:
            members: ``int64`` (n,) group of each.
            vectors: ``float32`` (n, dimension).
            weights: ``float32`` (n,), positive.
        """
        place = np.searchsorted(self.groups, members)
        place[place == len(self.groups)] = 0
        known = np.flatnonzero(self.groups[place] == members) if len(self.groups) else np.empty(0, np.int64)
        if not len(known):
            return
        order = known[np.argsort(place[known], kind="stable")]
        rows, first = np.unique(place[order], return_index=True)
        weighted = vectors[order].astype(np.float64) * weights[order, None]
        self._sums[rows] += np.add.reduceat(weighted, first, axis=0)
        self._weights[rows] += np.add.reduceat(weights[order].astype(np.float64), first)

    def means(self) -> tuple[IntArray, FloatArray, FloatArray]:
        """Groups with a member, their means ``float32`` (not unit length) and their weights ``float32``."""
        some = np.flatnonzero(self._weights > 0)
        means: FloatArray = (self._sums[some] / self._weights[some, None]).astype(np.float32)
        return self.groups[some], means, self._weights[some].astype(np.float32)
