"""The algorithms of grouping against each other: who is together that should be, and who is that should not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from app.clustering import Scores, attach, bcubed, group, pairwise, purity, splits
from app.clustering.algorithms import ALGORITHMS, Algorithm, threshold_share
from app.domain import IntArray
from benchmarks.engines import MissingError, Weights, shared_folder
from benchmarks.grouping_sets import FaceSet, made_up, real
from tools.face_models import MODELS

# As services/grouping has it: how near poor faces must be to a person to join.
_POOR_SHARE = 0.8


@dataclass(frozen=True)
class Contents:
    """What is grouped.

    Attributes:
        packs: Packs with which the shared test data are looked at, where they are there.
        intervals: Seconds between samples of its clips.
        sizes: Faces of made-up libraries, at the middle one of ``noises``.
        noises: Shares of noise faces, in libraries of ``noise_size``.
        noise_size: Faces of these.
        models: Names of the spaces of made-up faces.
    """

    packs: tuple[str, ...]
    intervals: tuple[float, ...]
    sizes: tuple[int, ...]
    noises: tuple[float, ...]
    noise_size: int
    models: tuple[str, ...]


FULL = Contents(
    packs=("bundled", "yunet-mobilefacenet"),
    intervals=(0.5, 1.0, 0.2),
    sizes=(1_000, 10_000, 100_000),
    noises=(0.0, 0.05, 0.2),
    noise_size=10_000,
    models=tuple(MODELS),
)
QUICK = Contents(packs=(), intervals=(), sizes=(300, 600), noises=(0.05,), noise_size=300, models=("mobilefacenet",))


@dataclass(frozen=True)
class Scored:
    """One algorithm on one set.

    Attributes:
        kind: Of the set.
        name: Of the set.
        algorithm: Which.
        by_item: BCubed.
        by_pair: Pairwise.
        purity: Share of faces that are with their own.
        splits: Groups that there are too many.
        people: How many people there are.
        seconds: For grouping and attaching.
        size: Of the set, where sets of several sizes are compared.
        noise: Share of noise faces, where several are compared.
    """

    kind: str
    name: str
    algorithm: Algorithm
    by_item: Scores
    by_pair: Scores
    purity: float
    splits: int
    people: int
    seconds: float
    size: int
    noise: float | None


def measure(contents: Contents, weights: Weights, say: Callable[[str], None]) -> list[Scored]:
    """Groups every set by every algorithm.

    Args:
        contents: The sets.
        weights: Of the packs.
        say: Told how far it is.
    """
    found = []
    for one in _sets(contents, weights, say):
        for algorithm in ALGORITHMS:
            scored = judge(one, algorithm)
            say(f"{one.kind}, {one.name}, {algorithm}: F {scored.by_item.f:.3f}, {scored.seconds:.1f} s")
            found.append(scored)
    return found


def judge(faces: FaceSet, algorithm: Algorithm) -> Scored:
    """Groups a set and scores the result."""
    began = time.perf_counter()
    labels = _labels(faces, algorithm)
    seconds = time.perf_counter() - began
    people, groups = faces.item_people, labels[faces.item_nodes].tolist()
    return Scored(
        kind=faces.kind,
        name=faces.name,
        algorithm=algorithm,
        by_item=bcubed(people, groups),
        by_pair=pairwise(people, groups),
        purity=purity(people, groups),
        splits=splits(people, groups),
        people=len(set(people)),
        seconds=seconds,
        size=faces.size,
        noise=faces.noise,
    )


def _labels(faces: FaceSet, algorithm: Algorithm) -> IntArray:
    usable = np.flatnonzero(faces.usable)
    place = np.full(len(faces.usable), -1, np.int64)
    place[usable] = np.arange(len(usable))
    rules = place[faces.cannot_link]
    labels = place.copy()
    labels[usable] = group(
        faces.vectors[usable],
        algorithm=algorithm,
        threshold=faces.distance * threshold_share(algorithm),
        cannot_link=rules[(rules >= 0).all(axis=1)],
        weights=faces.weights[usable],
    )
    limit = faces.distance * _POOR_SHARE
    return attach(faces.vectors, labels, threshold=limit, cannot_link=faces.cannot_link, weights=faces.weights)


def _sets(contents: Contents, weights: Weights, say: Callable[[str], None]) -> Iterator[FaceSet]:
    yield from _real_sets(contents, weights, say)
    middle = contents.noises[len(contents.noises) // 2]
    for name in contents.models:
        model = MODELS[name]
        wanted = dict.fromkeys(
            [(size, middle) for size in contents.sizes] + [(contents.noise_size, noise) for noise in contents.noises]
        )
        for size, noise in wanted:
            yield made_up(model, size, noise)
        yield made_up(model, contents.noise_size, contents.noises[-1], known=True)


def _real_sets(contents: Contents, weights: Weights, say: Callable[[str], None]) -> Iterable[FaceSet]:
    for pack in contents.packs:
        if not (shared_folder() / "data").is_dir():
            say("the shared test data are not here: only made-up faces are grouped")
            return
        try:
            yield from real(weights.engine(pack), shared_folder(), contents.intervals)
        except MissingError as error:
            say(f"{pack} is left out: {error}")
