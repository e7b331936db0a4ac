"""The nearest vectors to one: by looking at all of them where they are few, by way of their codes where they are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.clustering.search_index.codes import Codes, Mask
from app.clustering.search_index.short import ShortCodes
from app.domain import FloatArray, IntArray

# Up to so many rows are compared as they are: picking them out costs less than looking through all codes
FEW_ROWS = 16_384
CANDIDATES = 512
WIDER = 4
SMALL_ROWS = 4_096
# What an approximate search checks: so many rows, and so many for each that is wanted
CHECKED_ROWS = 3_072
CHECKED = 16
# Short codes are looked through all or not at all; where so few may be found, an exact search is as quick
MOST_ALLOWED = 0.9


class Near(NamedTuple):
    """What a search found, nearest first; equals by row.

    Attributes:
        rows: ``int64`` (k,).
        similarities: ``float32`` (k,) cosines, -1..1, of the vectors themselves.
    """

    rows: IntArray
    similarities: FloatArray


@dataclass(frozen=True)
class Vectors:
    """Vectors that are looked through.

    Attributes:
        values: ``float32`` (n, d), rows of unit length; may be a memory map.
        codes: Small copies of the same rows; ``None`` for a set that is small enough without.
        short: Still smaller ones, for approximate searches; ``None`` where these are exact, too.
    """

    values: FloatArray
    codes: Codes | None = None
    short: ShortCodes | None = None

    def __len__(self) -> int:
        return len(self.values)

    def nearest(self, query: FloatArray, k: int, *, allowed: Mask | None = None, approximate: bool = False) -> Near:
        """Finds the nearest rows.

        Args:
            query: ``float32`` (d,), unit length.
            k: How many at most, above 0.
            allowed: ``bool`` (n,) rows that may be found; all when ``None``.
            approximate: Check what seems nearest by the short codes, and nothing else.

        Returns:
            The rows: exactly the nearest ones unless ``approximate``.
        """
        count = len(self) if allowed is None else int(np.count_nonzero(allowed))
        if self.codes is None or count <= FEW_ROWS:
            return self._best(query, None if allowed is None else np.flatnonzero(allowed), k)
        if approximate and self.short is not None and count >= MOST_ALLOWED * len(self):
            rows = self.short.search(query, max(CHECKED_ROWS, CHECKED * k))
            return self._best(query, rows if allowed is None else rows[allowed[rows]], k)
        return self._best(query, self._candidates(self.codes, query, min(k, count), allowed, count), k)

    def _candidates(self, codes: Codes, query: FloatArray, k: int, allowed: Mask | None, count: int) -> IntArray:
        """All rows that can be among the ``k`` nearest.

        At least ``k`` rows are as near as the ``k``-th nearest seems, less the codes' error. Who seems to be farther
        than that by more than the error is out, because nobody is nearer than they seem by more than it.
        """
        wide = max(CANDIDATES, WIDER * k)
        while True:
            rows, similarities, error = codes.search(query, min(wide, count), allowed=allowed)
            least = similarities[min(k, len(rows)) - 1] - 2.0 * error
            if wide >= count or similarities[-1] < least:
                near: IntArray = rows[similarities >= least]
                return near
            wide *= WIDER

    def _best(self, query: FloatArray, rows: IntArray | None, k: int) -> Near:
        values = self.values if rows is None else self.values[rows]
        # einsum where there is little to do: it is over before BLAS has woken its threads
        similarities: FloatArray = np.einsum("ij,j->i", values, query) if len(values) <= SMALL_ROWS else values @ query
        best = np.arange(len(similarities))
        if k < len(best):
            # all that are as near as the k-th, so that equals go by row and not by chance
            best = np.flatnonzero(similarities >= np.partition(similarities, -k)[-k])
        named = best if rows is None else rows[best]
        order = np.lexsort((named, -similarities[best]))[:k]
        return Near(named[order].astype(np.int64), similarities[best][order])


def merged(parts: Sequence[tuple[Near, IntArray]], k: int) -> Near:
    """Joins what was found in several sets.

    Args:
        parts: What was found in each, and the ids of its rows, ``int64`` (n,).
        k: How many to keep.

    Returns:
        The nearest of all, with ids in place of rows.
    """
    ids = np.concatenate([names[near.rows] for near, names in parts])
    similarities = np.concatenate([near.similarities for near, _ in parts])
    order = np.lexsort((ids, -similarities))[:k]
    return Near(ids[order], similarities[order])
