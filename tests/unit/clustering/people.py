"""Made-up people for tests of clustering: unit vectors around random centres."""

from __future__ import annotations

import numpy as np

from app.domain import FloatArray, IntArray


def unit(vectors: np.ndarray) -> FloatArray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def make_people(
    count: int, people: int, *, noise: float, dimension: int = 32, seed: int = 0
) -> tuple[FloatArray, IntArray]:
    """Vectors (count, dimension) and the true person of each; within-person distance is about dimension * noise**2."""
    random = np.random.default_rng(seed)
    centres = unit(random.normal(size=(people, dimension)))
    truth = random.integers(people, size=count)
    return unit(centres[truth] + noise * random.normal(size=(count, dimension))), truth


def same_partition(a: IntArray, b: IntArray) -> bool:
    """True when two labellings group the same items together, whatever the numbers are."""
    pairs = {(int(x), int(y)) for x, y in zip(a, b, strict=True)}
    return len(pairs) == len({x for x, _ in pairs}) == len({y for _, y in pairs})
