"""How long grouping takes, and how much memory, from ten thousand to a million faces; next to other ways of doing it.

Faces are made up, as alike and as unlike as real ones (:mod:`tools.synthetic`). Everything is measured in a process of
its own, which reads its faces from a file: so the peak of its memory holds them, but not how they were made.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from app.clustering.algorithms import group, threshold_share
from app.clustering.density import dbscan
from app.clustering.neighbours import InvertedLists, build_graph
from app.domain import IntArray
from benchmarks.films import ROOT
from benchmarks.memory import peak_mib
from tools.synthetic import make_library

# Where average linkage groups these faces best, and where DBSCAN, which joins by single links, does
LINKAGE_DISTANCE = 0.6
DBSCAN_DISTANCE = 0.45
# Immich's rule: three neighbours within half the distance scale make somebody a person
LOOP_NEIGHBOURS = 3
NEW_FACES = 1000
OURS = ("average linkage", "DBSCAN on the graph", "communities")
PEERS = ("scikit-learn's DBSCAN", "a loop over faces")
EXACT = "exact DBSCAN"
ADDING = f"adding {NEW_FACES:,}"


@dataclass(frozen=True)
class Grouped:
    """What one way of grouping took.

    Attributes:
        way: The way.
        nodes: How many faces.
        seconds: Wall time of the grouping alone.
        processor: Seconds of all cores together: what is left of it where others use the machine too.
        peak_gib: Peak resident memory of its process, faces included.
        right: Adjusted Rand index against the people whose faces they are; ``None`` for adding.
        agreement: Adjusted Rand index against exact DBSCAN, where both were measured.
    """

    way: str
    nodes: int
    seconds: float
    processor: float
    peak_gib: float
    right: float | None = None
    agreement: float | None = None


@dataclass(frozen=True)
class Sizes:
    """How many faces each way gets.

    Attributes:
        ours: For our ways.
        peers: For other ways, which take time or memory by the square.
        exact: For the agreement with exact DBSCAN.
        adding: Faces that there are when new ones are added.
    """

    ours: tuple[int, ...]
    peers: tuple[int, ...]
    exact: int
    adding: int


@dataclass
class _Run:
    """Measures in processes of their own, each time with the same files."""

    folder: Path
    say: Callable[[str], None]
    found: list[Grouped] = field(default_factory=list)

    def add(self, way: str, nodes: int) -> None:
        """Measures one way, and keeps its labels where another one is compared with them."""
        command = [sys.executable, "-m", "benchmarks.clustering_scale", way, str(self._faces(nodes))]
        done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        one = Grouped(**json.loads(done.stdout))
        self.found.append(one)
        self.say(f"{way}, {nodes:,} faces: {one.seconds:.1f} s, {one.peak_gib:.2f} GiB")

    def _faces(self, nodes: int) -> Path:
        path = self.folder / f"faces-{nodes}.npy"
        if not path.is_file():
            self.say(f"making {nodes:,} faces")
            # what others leave over: the faces of the last size are not needed any more
            for old in self.folder.glob("faces-*.npy"):
                old.unlink()
            subprocess.run(
                [sys.executable, "-m", "benchmarks.clustering_scale", "make", str(path), str(nodes)],
                check=True,
                cwd=ROOT,
            )
        return path


def measure(sizes: Sizes, folder: Path, say: Callable[[str], None]) -> list[Grouped]:
    """Measures every way with every size that suits it.

    Args:
        sizes: The sizes.
        folder: For the faces; a million take 1 GiB.
        say: Told how far it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(folder, say)
    for nodes in sorted({*sizes.ours, *sizes.peers, sizes.exact, sizes.adding}):
        ways = [
            *(PEERS if nodes in sizes.peers else ()),
            *((EXACT,) if nodes == sizes.exact else ()),
            *(OURS if nodes in sizes.ours else ()),
            *((ADDING,) if nodes == sizes.adding else ()),
        ]
        for way in ways:
            run.add(way, nodes)
    return run.found


def _make(path: Path, nodes: int) -> None:
    """Writes faces, half as large as others have them, and whose they are. Poor ones are left out: they never group."""
    library = make_library(nodes, seed=7, noise=0.0)
    vectors = np.lib.format.open_memmap(path, "w+", np.float16, (nodes, library.dimension))
    start = 0
    for piece in library.pieces():
        vectors[start : start + len(piece)] = piece
        start += len(piece)
    vectors.flush()
    np.save(path.with_suffix(".truth.npy"), library.truth)


def _measure(way: str, path: Path) -> Grouped:
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415 - is not to be in the memory of what is measured

    vectors = np.load(path)
    if way == ADDING:
        return _add(vectors)
    began, used = time.perf_counter(), time.process_time()
    labels = _WAYS[way](vectors)
    took = (time.perf_counter() - began, time.process_time() - used, peak_mib() / 1024)
    truth = np.load(path.with_suffix(".truth.npy"))
    exact, agreement = path.with_suffix(".exact.npy"), None
    if way == EXACT:
        np.save(exact, labels)
    elif way == OURS[1] and exact.is_file():
        agreement = float(adjusted_rand_score(np.load(exact), labels))
    return Grouped(way, len(vectors), *took, float(adjusted_rand_score(truth, labels)), agreement)


def _add(vectors: np.ndarray) -> Grouped:
    """Adds faces to an index that is there, and finds what is near them."""
    old, new = vectors[:-NEW_FACES], vectors[-NEW_FACES:]
    lists = InvertedLists.build(old)
    began, used = time.perf_counter(), time.process_time()
    lists.search(new, k=64, radius=LINKAGE_DISTANCE)
    lists.add(new)
    took = (time.perf_counter() - began, time.process_time() - used, peak_mib() / 1024)
    return Grouped(ADDING, len(vectors), *took)


def _exact(vectors: np.ndarray) -> IntArray:
    graph = build_graph(vectors, radius=DBSCAN_DISTANCE, k=len(vectors), exact=True)
    return dbscan(graph.distances, min_samples=1)


def _scikit_learn(vectors: np.ndarray) -> IntArray:
    from sklearn.cluster import DBSCAN  # noqa: PLC0415 - is not to be in the memory of others

    model = DBSCAN(eps=DBSCAN_DISTANCE, min_samples=1, metric="cosine", n_jobs=-1)
    return model.fit(vectors.astype(np.float32)).labels_.astype(np.int64)


def _loop(vectors: np.ndarray) -> IntArray:
    """Face by face, as photo libraries do it: look for near ones, join the person of the nearest, or found one."""
    faces = vectors.astype(np.float32)
    people, founded = np.full(len(faces), -1, np.int64), 0
    for place, face in enumerate(faces):
        similarity = faces @ face
        near = np.flatnonzero(similarity >= 1.0 - DBSCAN_DISTANCE)
        taken = near[people[near] >= 0]
        if len(taken):
            people[place] = people[taken[similarity[taken].argmax()]]
        elif len(near) >= LOOP_NEIGHBOURS:
            people[place], founded = founded, founded + 1
    alone = people < 0
    people[alone] = founded + np.arange(np.count_nonzero(alone))
    return people


_WAYS: dict[str, Callable[[np.ndarray], IntArray]] = {
    OURS[0]: lambda vectors: group(vectors, threshold=LINKAGE_DISTANCE),
    OURS[1]: lambda vectors: group(vectors, algorithm="dbscan", threshold=DBSCAN_DISTANCE),
    OURS[2]: lambda vectors: group(vectors, algorithm="graph", threshold=LINKAGE_DISTANCE * threshold_share("graph")),
    EXACT: _exact,
    PEERS[0]: _scikit_learn,
    PEERS[1]: _loop,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes faces, or groups them and prints what it took as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clustering_scale")
    parser.add_argument("way")
    parser.add_argument("path", type=Path)
    parser.add_argument("nodes", type=int, nargs="?")
    wanted = parser.parse_args(arguments)
    if wanted.nodes is not None:
        _make(wanted.path, wanted.nodes)
        return
    print(json.dumps(asdict(_measure(wanted.way, wanted.path))))


if __name__ == "__main__":
    main()
