"""Libraries of made-up faces, as alike and as unlike as real ones, from a thousand to millions of faces.

    library = make_library(100_000, seed=7)
    vectors = library.embeddings()            # float32 (100000, 512), unit length
    library.truth                             # int64 (100000,), whose each face is

Vectors are made in blocks of fixed size, each from its own seed: the same library comes out in pieces of any size, on
one core or on many, and a million faces need no more memory than the array that they are put into.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.domain import FloatArray, IntArray
from tools.face_models import MOBILEFACENET, FaceModel, Shares

BLOCK = 4096
# Chance that a person has s faces or more is s**-TAIL: half of the people are seen once, some thousands of times.
TAIL = 1.2
# Nobody has more than this share of all faces.
LARGEST_SHARE = 0.02
# Chance that the next face stands in the same picture.
COMPANY = 0.4

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SyntheticLibrary:
    """A library whose vectors are made when they are asked for.

    Attributes:
        truth: ``int64`` (n,) person of each face. Noise faces are each a person of their own.
        poor: ``bool`` (n,) the noise faces: blurred strangers, who look like each other and bridge people.
        frames: ``int64`` (n,) picture in which each face was seen; never two of one person in one.
        doubles: ``int64`` (m, 2) people who look alike.
        dimension: Length of the vectors.
        model: What they are like.
        seed: What they were made from.
    """

    truth: IntArray
    poor: BoolArray
    frames: IntArray
    doubles: IntArray
    dimension: int
    model: FaceModel
    seed: int
    _shares: Shares
    _directions: FloatArray
    _basis: FloatArray

    def __len__(self) -> int:
        return len(self.truth)

    def pieces(self, rows: int = 65_536) -> Iterator[FloatArray]:
        """Gives the vectors in order, ``float32`` (up to ``rows``, dimension)."""
        for start in range(0, len(self), rows):
            piece = np.empty((min(rows, len(self) - start), self.dimension), np.float32)
            self._fill(piece, start)
            yield piece

    def embeddings(self) -> FloatArray:
        """All vectors, ``float32`` (n, dimension), unit length."""
        vectors = np.empty((len(self), self.dimension), np.float32)
        self._fill(vectors, 0)
        return vectors

    def save(self, path: Path) -> FloatArray:
        """Writes all vectors as ``.npy`` and returns them mapped into memory, read-only."""
        vectors = np.lib.format.open_memmap(path, "w+", np.float32, (len(self), self.dimension))
        for start in range(0, len(self), BLOCK):
            self._fill(vectors[start : start + BLOCK], start)
        vectors.flush()
        mapped: FloatArray = np.load(path, mmap_mode="r")
        return mapped

    def cannot_link(self) -> IntArray:
        """Pairs of faces that share a picture, ``int64`` (m, 2), lower number first, sorted."""
        pairs = []
        for ahead in range(1, len(self)):
            together = np.flatnonzero(self.frames[ahead:] == self.frames[:-ahead])
            if not len(together):
                break
            pairs.append(np.column_stack([together, together + ahead]))
        found = np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)
        return found[np.lexsort((found[:, 1], found[:, 0]))]

    def _fill(self, out: FloatArray, start: int) -> None:
        """Puts the vectors of the faces from ``start`` on into ``out``, block by block."""
        end = start + len(out)
        for block in range(start // BLOCK, -(-end // BLOCK)):
            begin = block * BLOCK
            faces = np.arange(max(begin, start), min(begin + BLOCK, end))
            out[faces - start] = self._block(block)[faces - begin]

    def _block(self, block: int) -> FloatArray:
        random = np.random.default_rng((self.seed, 1, block))
        people = self.truth[block * BLOCK : (block + 1) * BLOCK]
        poor = self.poor[block * BLOCK : (block + 1) * BLOCK]
        count, shares = len(people), self._shares
        mean = np.where(poor, shares.poor_mean, shares.mean)
        shown = _beta(random, mean, shares.variance).astype(np.float32)[:, None]
        changing = random.standard_normal((count, self.dimension), dtype=np.float32)
        person = self._directions[people] @ self._basis
        own = shown * person + np.sqrt(1.0 - shown**2) * _centred(changing)
        blur = np.where(poor, random.uniform(0.0, 2.25 * shares.blur, count), 0.0).astype(np.float32)[:, None]
        own = np.sqrt(1.0 - blur) * own + np.sqrt(blur) * self._basis[0]
        vectors = np.sqrt(1.0 - shares.common) * own + np.sqrt(shares.common / self.dimension)
        return _unit(vectors.astype(np.float32))


def make_library(
    faces: int,
    *,
    dimension: int = 512,
    seed: int = 0,
    model: FaceModel = MOBILEFACENET,
    noise: float = 0.05,
    look_alikes: float = 0.05,
) -> SyntheticLibrary:
    """Makes a library.

    Args:
        faces: How many, at least 1.
        dimension: Length of the vectors; similarities do not depend on it. At least 96 for ``MOBILEFACENET``.
        seed: The same seed gives the same library.
        model: Which real faces they are like.
        noise: Share of faces that are blurred strangers, 0..1.
        look_alikes: Share of people who have a double.

    Raises:
        ValueError: There are no faces, a share is not in 0..1, or the vectors are too short for the model.
    """
    if faces < 1 or not 0.0 <= noise <= 1.0 or not 0.0 <= look_alikes <= 1.0:
        raise ValueError("a library needs a face, and shares between 0 and 1")
    shares = model.shares(dimension)
    random = np.random.default_rng((seed, 0))
    alone = round(noise * faces)
    sizes = _sizes(random, faces - alone)
    people = len(sizes)
    truth = np.concatenate([np.repeat(np.arange(people), sizes), people + np.arange(alone)])
    order = random.permutation(faces)
    truth = truth[order].astype(np.int64)
    doubles = random.permutation(people)[: 2 * round(look_alikes * people / 2)].reshape(-1, 2).astype(np.int64)
    return SyntheticLibrary(
        truth=truth,
        poor=truth >= people,
        frames=_frames(random, truth),
        doubles=np.sort(doubles, axis=1),
        dimension=dimension,
        model=model,
        seed=seed,
        _shares=shares,
        _directions=_directions(random, people + alone, shares, doubles),
        _basis=_basis(random, shares.identity_dimensions + 1, dimension),
    )


def _sizes(random: np.random.Generator, faces: int) -> IntArray:
    """Faces of each person, with a long tail, that sum to ``faces``."""
    sizes: list[IntArray] = []
    left, largest = faces, max(10, round(LARGEST_SHARE * faces))
    while left > 0:
        drawn = np.minimum((1.0 - random.random(max(16, left // 4))) ** (-1.0 / TAIL), largest).astype(np.int64)
        taken = drawn[: int(np.searchsorted(np.cumsum(drawn), left)) + 1]
        taken[-1] -= max(0, int(taken.sum()) - left)
        sizes.append(taken)
        left -= int(taken.sum())
    return np.concatenate(sizes) if sizes else np.empty(0, np.int64)


def _directions(random: np.random.Generator, count: int, shares: Shares, doubles: IntArray) -> FloatArray:
    """Each person's own direction in the few dimensions of people; the first one is kept for what poor faces share."""
    directions = np.zeros((count, shares.identity_dimensions + 1), np.float32)
    directions[:, 1:] = _unit(random.standard_normal((count, shares.identity_dimensions), dtype=np.float32))
    first, second = directions[doubles[:, 0]], directions[doubles[:, 1]]
    apart = _unit(second - (first * second).sum(axis=1, keepdims=True) * first)
    alike = min(shares.look_alike, 1.0)
    directions[doubles[:, 1]] = alike * first + np.sqrt(1.0 - alike**2) * apart
    return directions


def _basis(random: np.random.Generator, rows: int, dimension: int) -> FloatArray:
    """Orthonormal rows, each at a right angle to the direction (1, 1, ...) that all faces share."""
    drawn = random.standard_normal((dimension, rows))
    basis: FloatArray = np.linalg.qr(drawn - drawn.mean(axis=0))[0].T.astype(np.float32)
    return np.ascontiguousarray(basis)


def _frames(random: np.random.Generator, truth: IntArray) -> IntArray:
    """Puts neighbours into one picture by chance; who would be there twice begins a new one."""
    joins = random.random(len(truth)) < COMPANY
    joins[:1] = False
    frame = 0
    frames = np.empty(len(truth), np.int64)
    present: set[int] = set()
    for face, (person, join) in enumerate(zip(truth.tolist(), joins.tolist(), strict=True)):
        if not join or person in present:
            frame += face > 0
            present.clear()
        present.add(person)
        frames[face] = frame
    return frames


def _beta(random: np.random.Generator, mean: npt.NDArray[np.float64], variance: float) -> npt.NDArray[np.float64]:
    """Numbers of 0..1 with the given means and variance."""
    if variance <= 0:
        return mean
    both = np.maximum(mean * (1.0 - mean) / variance - 1.0, 1.0)
    return random.beta(mean * both, (1.0 - mean) * both)


def _centred(values: FloatArray) -> FloatArray:
    return _unit(values - values.mean(axis=1, keepdims=True))


def _unit(values: FloatArray) -> FloatArray:
    scaled: FloatArray = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return scaled
