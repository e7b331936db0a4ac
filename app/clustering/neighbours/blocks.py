"""Compares a block of nodes with a block of nodes: one matrix product, then what is near enough.

FAISS's inverted lists compare query by query, which keeps a core waiting for memory; a product of two blocks keeps it
computing. Several blocks are compared at once, each on one core, because picking out the near pairs is as long a piece
of work as the product of a small block, and BLAS has no threads for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from app.domain import FloatArray, IntArray

# 64 MiB of similarities at a time for each core
BLOCK_CELLS = 1 << 24
# SciPy drops explicit zeros in many places, and an edge between two equal vectors must not vanish.
SMALLEST_DISTANCE = np.float32(1e-7)

Floats = FloatArray | npt.NDArray[np.float16]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Pairs(NamedTuple):
    """Near pairs of one block.

    Attributes:
        rows: ``int64`` (p,) row of the queries, ascending.
        columns: ``int64`` (p,) row of the candidates.
        similarities: ``float32`` (p,).
        floors: ``float32`` (queries,) the least similarity that still counts for each query: the one that was given,
            or that of the ``k``-th candidate where there were more than ``k``.
        cut: ``bool`` (queries,) whether there were more than ``k``.
    """

    rows: IntArray
    columns: IntArray
    similarities: FloatArray
    floors: FloatArray
    cut: npt.NDArray[np.bool_]


def near_pairs(
    queries: FloatArray, candidates: FloatArray, floors: FloatArray, k: int, own: IntArray | None = None
) -> Pairs:
    """Finds for each query the candidates that are near enough, at most the ``k`` nearest.

    Args:
        queries: ``float32`` (m, d).
        candidates: ``float32`` (c, d).
        floors: ``float32`` (m,) least similarity that counts for each query.
        k: Candidates for each query at most.
        own: ``int64`` (m,) row of ``candidates`` that is the query itself and does not count; -1 where there is none.

    Returns:
        The pairs.
    """
    step = max(1, BLOCK_CELLS // max(len(candidates), 1))
    parts = []
    for start in range(0, max(len(queries), 1), step):
        piece = slice(start, start + step)
        parts.append(_compare(queries[piece], candidates, floors[piece], k, None if own is None else own[piece]))
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([part.rows + number * step for number, part in enumerate(parts)])
    rest = zip(*(part[1:] for part in parts), strict=True)
    return Pairs(rows, *(np.concatenate(column) for column in rest))


def _compare(queries: FloatArray, candidates: FloatArray, floors: FloatArray, k: int, own: IntArray | None) -> Pairs:
    similarity = queries @ candidates.T
    if own is not None:
        inside = np.flatnonzero(own >= 0)
        similarity[inside, own[inside]] = -np.inf
    near = similarity >= floors[:, None]
    counts = np.count_nonzero(near, axis=1)
    flat = np.flatnonzero(near)
    found = similarity.ravel()[flat]
    cut = counts > k
    if cut.any():
        kept, floors = _nearest_of_rows(found, counts, floors, k)
        flat, found = flat[kept], found[kept]
    rows, columns = np.divmod(flat, max(len(candidates), 1))
    return Pairs(rows, columns, found, floors, cut)


def _nearest_of_rows(
    found: FloatArray, counts: IntArray, floors: FloatArray, k: int
) -> tuple[npt.NDArray[np.bool_], FloatArray]:
    """Marks the ``k`` most similar of each row that has more, and raises the floors of these rows."""
    crowded = np.flatnonzero(counts > k)
    starts = np.cumsum(counts) - counts
    kept, floors = np.ones(len(found), dtype=bool), floors.copy()
    # rows of about the same length at a time, so that filling them up to the longest costs little
    crowded = crowded[np.argsort(counts[crowded], kind="stable")]
    for part in np.array_split(crowded, max(1, len(crowded) // 64)):
        width = int(counts[part[-1]])
        place = starts[part, None] + np.arange(width)
        inside = np.arange(width) < counts[part, None]
        table = np.where(inside, found[np.minimum(place, len(found) - 1)], -np.inf)
        best = np.argpartition(table, width - k, axis=1)[:, width - k :]
        kept[place[inside]] = False
        kept[np.take_along_axis(place, best, axis=1)] = True
        floors[part] = np.take_along_axis(table, best, axis=1).min(axis=1)
    return kept, floors


def as_distances(similarities: FloatArray) -> FloatArray:
    """Cosine distances ``1 - similarity``, never quite 0."""
    distances: FloatArray = np.maximum(np.float32(1.0) - similarities, SMALLEST_DISTANCE)
    return distances


def on_all_cores(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Works on several items at once, each with a single thread of BLAS.

    Args:
        work: Called in other threads; what it gives must not depend on what was called before.
        items: What to work on.

    Yields:
        The results in the order of the items. Only a few are waiting at any time.
    """
    cores = usable_cores()
    if cores == 1:
        yield from map(work, items)
        return
    source = iter(items)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores) as pool:
        waiting = [pool.submit(work, item) for item in islice(source, 2 * cores)]
        while waiting:
            done = waiting.pop(0).result()
            waiting += [pool.submit(work, item) for item in islice(source, 1)]
            yield done


def usable_cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
