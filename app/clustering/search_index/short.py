"""Vectors as half a byte for each of their main axes: little enough to look at all of them within milliseconds.

What is left out is mostly what changes from picture to picture of one person. FAISS compares 32 vectors at once with
instructions that look up tables (André, Kermarrec and Le Scouarnec, Cache locality is not enough, 2015). Nothing says
how far off a similarity is, so this serves approximate searches alone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from app.clustering.neighbours.blocks import usable_cores
from app.domain import FloatArray, IntArray

AXES, BITS = 64, 4
PARTS = 4  # that several cores can look through at once
CHUNK_ROWS = 16_384
TRAINING_ROWS = 50_000


@dataclass(frozen=True)
class ShortCodes:
    """Very small copies of vectors, by row number.

    Attributes:
        parts: FAISS's indexes, for one stretch of rows each.
        axes: ``float32`` (d, :data:`AXES`), at right angles.
    """

    parts: tuple[Any, ...]
    axes: FloatArray

    @classmethod
    def open(cls, path: Path) -> ShortCodes:
        """Reads what :meth:`build` wrote into memory, 32 bytes for each vector."""
        parts = [faiss.read_index(str(_part(path, number))) for number in range(PARTS)]
        return cls(tuple(parts), np.load(path.with_suffix(".npy"), allow_pickle=False))

    @staticmethod
    def build(vectors: FloatArray, path: Path) -> None:
        """Makes the codes of vectors and writes them.

        Args:
            vectors: ``float32`` (n, d), d at least :data:`AXES`, rows no longer than 1; may be a memory map.
            path: Where to; several files whose names begin so.
        """
        chosen = np.linspace(0, len(vectors) - 1, min(len(vectors), TRAINING_ROWS)).astype(np.int64)
        sample = vectors[chosen]
        mean = sample.mean(axis=0)
        axes = _main_axes(sample - mean)
        trained = faiss.IndexPQFastScan(AXES, AXES, BITS, faiss.METRIC_INNER_PRODUCT)
        trained.train((sample - mean) @ axes)
        for number, (first, last) in enumerate(_stretches(len(vectors))):
            index = faiss.clone_index(trained)
            for start in range(first, last, CHUNK_ROWS):
                index.add((vectors[start : min(start + CHUNK_ROWS, last)] - mean) @ axes)
            faiss.write_index(index, str(_part(path, number)))
        np.save(path.with_suffix(".npy"), axes)

    def search(self, query: FloatArray, k: int) -> IntArray:
        """Finds the rows that seem nearest.

        Args:
            query: ``float32`` (d,).
            k: How many.

        Returns:
            Rows, ``int64`` (at most k,), in no order.
        """
        # einsum: a product this small is over before BLAS has woken its threads
        along = np.einsum("i,ij->j", query, self.axes)[None]

        def look(number: int) -> tuple[FloatArray, IntArray]:
            faiss.omp_set_num_threads(1)  # of this thread alone: the parts are what is spread over cores
            similarity, rows = self.parts[number].search(along, min(k, max(self.parts[number].ntotal, 1)))
            return similarity[0], np.where(rows[0] < 0, -1, rows[0] + starts[number])

        starts = np.cumsum([0, *(part.ntotal for part in self.parts)])
        with ThreadPoolExecutor(min(usable_cores(), PARTS)) as pool:
            found = list(pool.map(look, range(PARTS)))
        similarity, rows = (np.concatenate(column) for column in zip(*found, strict=True))
        similarity, rows = similarity[rows >= 0], rows[rows >= 0]
        if k < len(rows):
            rows = rows[np.argpartition(-similarity, k)[:k]]
        return rows.astype(np.int64)


def _part(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}-{number}.faiss")


def _stretches(count: int) -> list[tuple[int, int]]:
    ends = [count * number // PARTS for number in range(PARTS + 1)]
    return list(pairwise(ends))


def _main_axes(centred: FloatArray) -> FloatArray:
    """The directions along which vectors differ most (principal components)."""
    _, directions = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    return np.ascontiguousarray(directions[:, ::-1][:, :AXES], np.float32)
