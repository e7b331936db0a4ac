"""The coarse quantiser: k-means over a sample says which nodes lie near each other at all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from app.clustering.neighbours.blocks import Floats, on_all_cores
from app.domain import FloatArray, IntArray

ROUNDS = 8
SAMPLE_PER_LIST = 48
CHUNK_ROWS = 4096


def list_count(nodes: int) -> int:
    """How many lists suit a number of nodes: comparing and assigning then take about as long as each other."""
    return max(1, int(2 * nodes**0.5))


def train(vectors: Floats, lists: int, rounds: int = ROUNDS) -> FloatArray:
    """Finds directions around which the nodes lie (spherical k-means, Dhillon and Modha 2001).

    Nothing in it is left to chance: the sample and the first centroids are every so-manieth node.

    Args:
        vectors: ``float16`` or ``float32`` (n, d).
        lists: How many directions, 1..n.
        rounds: How often they are moved.

    Returns:
        ``float32`` (lists, d), unit length.
    """
    chosen = np.linspace(0, len(vectors) - 1, min(len(vectors), SAMPLE_PER_LIST * lists)).astype(np.int64)
    sample = _unit(vectors[chosen].astype(np.float32))
    centroids = sample[np.linspace(0, len(sample) - 1, lists).astype(np.int64)]
    for _ in range(rounds):
        home, similarity = nearest_lists(sample, centroids, 1)
        centroids = _moved(sample, home[:, 0], similarity[:, 0], lists)
    return centroids


def nearest_lists(vectors: Floats, centroids: FloatArray, probes: int) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Finds the nearest centroids of each node, nearest first.

    Args:
        vectors: ``float16`` or ``float32`` (n, d).
        centroids: ``float32`` (lists, d).
        probes: How many, 1..lists.

    Returns:
        Numbers of the lists, ``int32`` (n, probes), and similarities, ``float32`` (n, probes).
    """
    numbers = np.empty((len(vectors), probes), dtype=np.int32)
    similarities = np.empty((len(vectors), probes), dtype=np.float32)

    def look(start: int) -> None:
        piece = slice(start, start + CHUNK_ROWS)
        found = vectors[piece].astype(np.float32, copy=False) @ centroids.T
        if probes == 1:
            best = found.argmax(axis=1)[:, None]
        else:
            best = np.argpartition(found, -probes, axis=1)[:, -probes:] if probes < len(centroids) else _all(found)
            order = np.argsort(-np.take_along_axis(found, best, axis=1), axis=1, kind="stable")
            best = np.take_along_axis(best, order, axis=1)
        numbers[piece] = best
        similarities[piece] = np.take_along_axis(found, best, axis=1)

    for _ in on_all_cores(look, range(0, len(vectors), CHUNK_ROWS)):
        pass
    return numbers, similarities


def _moved(sample: FloatArray, home: npt.NDArray[np.int32], similarity: FloatArray, lists: int) -> FloatArray:
    """The means of the lists; a list that nobody is in starts again at one of the nodes that fit worst."""
    whose = csr_matrix((np.ones(len(home), np.float32), (home, np.arange(len(home)))), shape=(lists, len(home)))
    centroids: FloatArray = whose @ sample
    empty = np.flatnonzero(np.bincount(home, minlength=lists) == 0)
    if len(empty):
        centroids[empty] = sample[np.argsort(similarity, kind="stable")[: len(empty)]]
    return _unit(centroids)


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: FloatArray = vectors / np.maximum(length, np.float32(1e-12))
    return result


def _all(found: FloatArray) -> IntArray:
    return np.broadcast_to(np.arange(found.shape[1]), found.shape)
