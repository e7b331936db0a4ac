"""Vectors as one byte per number, in a file that FAISS looks through where it lies.

A vector is kept as ``mean + codes * scale / 127`` with a mean and a scale for each number, chosen such that nothing is
cut off. A query is rounded to whole numbers in the same way, because processors multiply bytes several times as fast as
floats, and FAISS lets them where both sides are bytes. How far off a similarity can be is known, by Cauchy and Schwarz:
the largest distance between a vector and what is kept of it is measured when the codes are made, that between the query
and what is left of it when it is asked. So an exact search knows how many candidates it has to check.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
import numpy.typing as npt

from app.clustering.neighbours.blocks import usable_cores
from app.domain import FloatArray, IntArray

# Rows that are looked through in one go; FAISS knows them as a list
CHUNK_ROWS = 16_384
LARGEST_CODE = 127
# What adding up in float32 may be off, for vectors of unit length
ROUNDING = 1e-5

Mask = npt.NDArray[np.bool_]


class Seeming(NamedTuple):
    """What seems nearest, nearest first.

    Attributes:
        rows: ``int64`` (at most k,).
        similarities: ``float32``, as far as the codes tell.
        error: None of them is off by more.
    """

    rows: IntArray
    similarities: FloatArray
    error: float


@dataclass(frozen=True)
class Codes:
    """Small copies of vectors, by row number.

    Attributes:
        index: FAISS's lists, one for each :data:`CHUNK_ROWS` rows.
        mean: ``float32`` (d,).
        scale: ``float32`` (d,).
        error: Largest distance between a vector and what is kept of it.
        length: Largest length of what is kept of a vector, without its mean.
        code_length: Largest length of a vector's codes.
    """

    index: Any  # faiss.IndexIVFScalarQuantizer, of which FAISS's types tell less than there is
    mean: FloatArray
    scale: FloatArray
    error: float
    length: float
    code_length: float

    @classmethod
    def open(cls, path: Path) -> Codes:
        """Opens what :meth:`build` wrote; the codes stay on the disk, mapped into memory.

        Args:
            path: The same, a path without an ending.
        """
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as figures:
            largest = (float(value) for value in figures["largest"])
            mean, scale = figures["mean"], figures["scale"]
        index = faiss.read_index(str(path.with_suffix(".faiss")), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        return cls(index, mean, scale, *largest)

    @staticmethod
    def build(vectors: FloatArray, path: Path) -> None:
        """Makes the codes of vectors and writes them.

        Args:
            vectors: ``float32`` (n, d), n > 0, rows no longer than 1; may be a memory map.
            path: Where to; two files with this name and an ending each.
        """
        mean = _mean(vectors)
        scale = np.maximum(_largest(vectors, mean), np.float32(1e-6))
        index = _empty_index(len(scale), -(-len(vectors) // CHUNK_ROWS))
        largest = np.zeros(3)
        for number, part in enumerate(_pieces(vectors, mean)):
            codes = np.rint(part * (LARGEST_CODE / scale)).astype(np.float32)
            kept = codes * (scale / LARGEST_CODE)
            lengths = [np.linalg.norm(rows, axis=1).max() for rows in (part - kept, kept, codes)]
            largest = np.maximum(largest, lengths)
            rows = np.arange(len(part), dtype=np.int64) + number * CHUNK_ROWS
            home = np.full(len(part), number, np.int64)
            index.add_core(len(part), *(faiss.swig_ptr(array) for array in (codes, rows, home)))
        faiss.write_index(index, str(path.with_suffix(".faiss")))
        np.savez(path.with_suffix(".npz"), mean=mean, scale=scale, largest=largest)

    def search(self, query: FloatArray, k: int, *, allowed: Mask | None = None) -> Seeming:
        """Finds the rows that seem nearest.

        Args:
            query: ``float32`` (d,), unit length.
            k: How many.
            allowed: ``bool`` (n,) rows that may be found; all when ``None``.

        Returns:
            What seems nearest.
        """
        scaled, factor, error = self._rounded(query)
        # packed once, kept alive until all threads are done with it
        bits = None if allowed is None else np.packbits(allowed, bitorder="little")
        library: Any = faiss
        chosen = {} if bits is None else {"sel": library.IDSelectorBitmap(bits)}

        def look(part: IntArray) -> tuple[IntArray, FloatArray]:
            settings = library.SearchParametersIVF(nprobe=len(part), **chosen)
            found = np.empty((1, k), np.int64)
            similarity = np.empty((1, k), np.float32)
            near = np.zeros((1, len(part)), np.float32)
            pointers = (faiss.swig_ptr(array) for array in (part, near, similarity, found))
            self.index.search_preassigned_c(1, faiss.swig_ptr(scaled), k, *pointers, False, settings)
            there = found[0] >= 0
            return found[0][there], similarity[0][there]

        shares = np.array_split(np.arange(self.index.nlist, dtype=np.int64), min(usable_cores(), self.index.nlist))
        if len(shares) == 1:
            parts = [look(shares[0])]
        else:
            with ThreadPoolExecutor(len(shares)) as pool:
                parts = list(pool.map(look, shares))
        rows, similarity = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(-similarity, kind="stable")[:k]
        similarity = (similarity[order] / factor + float(query @ self.mean)).astype(np.float32)
        return Seeming(rows[order], similarity, error)

    def _rounded(self, query: FloatArray) -> tuple[FloatArray, float, float]:
        """A query as whole numbers, the factor that made them so large, and how far off a similarity can be by all."""
        wanted = query * (self.scale / LARGEST_CODE)
        factor = LARGEST_CODE / max(float(np.abs(wanted).max()), 1e-12)
        whole = np.rint(wanted * factor).astype(np.float32)
        lost = wanted - whole / factor
        by_query = min(
            float(np.linalg.norm(lost)) * self.code_length,
            float(np.linalg.norm(lost * (LARGEST_CODE / self.scale))) * self.length,
        )
        return whole[None], factor, self.error + by_query + ROUNDING


def _empty_index(dimension: int, lists: int) -> Any:
    quantiser = faiss.IndexFlatIP(dimension)  # never asked: which lists are looked into is said with each search
    quantiser.add(np.zeros((lists, dimension), np.float32))
    kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
    by_residual = False
    index = faiss.IndexIVFScalarQuantizer(quantiser, dimension, lists, kind, faiss.METRIC_INNER_PRODUCT, by_residual)
    index.is_trained = True
    return index


def _pieces(vectors: FloatArray, mean: FloatArray) -> Iterator[FloatArray]:
    """The vectors without their mean."""
    for start in range(0, len(vectors), CHUNK_ROWS):
        yield vectors[start : start + CHUNK_ROWS] - mean


def _mean(vectors: FloatArray) -> FloatArray:
    total = np.zeros(vectors.shape[1], np.float64)
    for start in range(0, len(vectors), CHUNK_ROWS):
        total += vectors[start : start + CHUNK_ROWS].sum(axis=0, dtype=np.float64)
    return (total / len(vectors)).astype(np.float32)


def _largest(vectors: FloatArray, mean: FloatArray) -> FloatArray:
    largest = np.zeros(len(mean), np.float32)
    for part in _pieces(vectors, mean):
        np.maximum(largest, np.abs(part).max(axis=0), out=largest)
    return largest
