"""How long the search takes from ten thousand to a million faces, and whether it finds what comparing with all finds.

Faces are made up, as alike and as unlike as real ones (:mod:`tools.synthetic`). Searched with are further faces of the
same people, each by itself, as requests come; every search is compared with all similarities in ``float32``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import faiss
import numpy as np

from app.clustering.search_index import Vectors
from app.domain import FloatArray, IntArray
from app.services.search import snapshot
from app.services.search.index import make_codes
from app.services.search.snapshot import Snapshot
from app.storage.face_changes import Place
from app.storage.face_vectors import FaceVectors
from app.storage.search_files import FileState, SearchFiles
from benchmarks.clock import timed
from tools.synthetic import make_library

TOP = 50
DIMENSION = 512
NEW_FACES = 1000
CHUNK_ROWS = 65_536
# A face as near as the last one that counts, but for rounding, is as good
EQUAL = 1e-6
PLAIN, PEER, EXACT, APPROXIMATE = "float32, NumPy", "float32, FAISS", "exact", "approximate"


@dataclass(frozen=True)
class Searched:
    """One way of searching among so many faces.

    Attributes:
        way: The way.
        faces: How many.
        seconds: Of each search.
        compute: Seconds of all cores together, of each search.
        recall: Share of the nearest that were found.
    """

    way: str
    faces: int
    seconds: list[float] = field(default_factory=list)
    compute: list[float] = field(default_factory=list)
    recall: float = 0.0


@dataclass(frozen=True)
class Index:
    """What an index takes.

    Attributes:
        faces: How many it holds.
        codes_seconds: Making its codes.
        vectors_mib: Size of the vectors' file.
        codes_mib: Size of what a search looks through.
        adding_seconds: Taking in :data:`NEW_FACES` new faces and letting as many old ones go.
        ways: The ways of searching it.
    """

    faces: int
    codes_seconds: float
    vectors_mib: float
    codes_mib: float
    adding_seconds: float
    ways: tuple[Searched, ...]


def measure(sizes: Sequence[int], queries: int, folder: Path, say: Callable[[str], None]) -> list[Index]:
    """Measures every size.

    Args:
        sizes: Numbers of faces.
        queries: How many searches.
        folder: Where files go; it is made.
        say: Told how far it is.
    """
    folder.mkdir(parents=True)
    return [_measure(size, queries, folder / str(size), say) for size in sizes]


def _measure(faces: int, queries: int, folder: Path, say: Callable[[str], None]) -> Index:
    say(f"making {faces:,} faces")
    files = SearchFiles(folder)
    library = make_library(faces + queries + NEW_FACES, dimension=DIMENSION)
    rest: list[FloatArray] = []
    state = FileState(1, "made up", DIMENSION, faces, Place("", 0, 0, 0))
    filed = files.write(state, _blocks(library.pieces(), faces, rest))
    others = np.concatenate(rest)
    asked, new = others[:queries], others[queries : queries + NEW_FACES]
    say(f"making codes of {faces:,} faces")
    began = time.perf_counter()
    make_codes(files, filed)
    took = time.perf_counter() - began
    index = Snapshot.of_files(filed)
    truth = _truth(filed.values, asked)
    vectors = index.base.vectors
    bare = Vectors(filed.values)
    ways: dict[str, Callable[[FloatArray], IntArray]] = {
        PLAIN: lambda query: bare.nearest(query, TOP).rows,
        PEER: lambda query: faiss.knn(query[None], filed.values, TOP, metric=faiss.METRIC_INNER_PRODUCT)[1][0],
        EXACT: lambda query: vectors.nearest(query, TOP).rows,
        APPROXIMATE: lambda query: vectors.nearest(query, TOP, approximate=True).rows,
    }
    results = []
    for way, search in ways.items():
        results.append(_timed(way, search, filed.values, asked, truth))
        say(f"{faces:,} faces, {way}: {1000 * float(np.median(results[-1].seconds)):.1f} ms")
    codes = [path.stat().st_size for path in filed.extras.iterdir() if path.stem == snapshot.CODES]
    size = (path.stat().st_size for path in filed.folder.glob("vectors.*"))
    return Index(faces, took, sum(size) / 2**20, sum(codes) / 2**20, _adding(index, new), tuple(results))


def _blocks(pieces: Iterator[FloatArray], faces: int, rest: list[FloatArray]) -> Iterator[FaceVectors]:
    """The first faces as a library has them; what is over goes into ``rest``."""
    start = 0
    for piece in pieces:
        own = piece[: max(faces - start, 0)]
        rest.append(piece[len(own) :])
        if len(own):
            yield FaceVectors(np.arange(start + 1, start + 1 + len(own), dtype=np.int64), own)
        start += len(piece)


def _truth(values: FloatArray, asked: FloatArray) -> FloatArray:
    """The least similarity that counts for each query, ``float32`` (q,)."""
    best = np.full((len(asked), TOP), -2.0, np.float32)
    for start in range(0, len(values), CHUNK_ROWS):
        found = np.concatenate([best, asked @ values[start : start + CHUNK_ROWS].T], axis=1)
        best = np.partition(found, -TOP, axis=1)[:, -TOP:]
    least: FloatArray = best.min(axis=1)
    return least


def _timed(
    way: str, search: Callable[[FloatArray], IntArray], values: FloatArray, asked: FloatArray, truth: FloatArray
) -> Searched:
    seconds, compute, right = [], [], 0
    search(asked[0])
    for query, least in zip(asked, truth, strict=True):
        with timed() as elapsed:
            rows = search(query)
        seconds.append(elapsed.wall)
        compute.append(elapsed.cpu)
        right += int(np.count_nonzero(values[np.unique(rows)] @ query >= least - EQUAL))
    return Searched(way, len(values), seconds, compute, min(right / (TOP * len(asked)), 1.0))


def _adding(index: Snapshot, new: FloatArray) -> float:
    """Seconds until new faces can be found, and old ones no longer, once the database has told them."""
    ids = np.arange(len(index) + 1, len(index) + 1 + len(new), dtype=np.int64)
    gone = np.linspace(1, len(index), NEW_FACES).astype(np.int64)
    began = time.perf_counter()
    later = index.changed([*ids.tolist(), *gone.tolist()], FaceVectors(ids, new), index.state.place, ())
    took = time.perf_counter() - began
    if len(later) != len(index) + len(new) - len(np.unique(gone)):
        raise AssertionError("the index does not hold what it was told")
    return took
