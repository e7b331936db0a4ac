"""Tracks that come in one video after the other end where a grouping of everything puts them, in any order."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from app.clustering import bcubed
from app.clustering.algorithms import Algorithm, group, threshold_share
from app.clustering.incremental import neighbourhood
from app.clustering.known import NEW, NOBODY, Nodes, Rules
from app.clustering.regroup import regroup
from tests.unit.clustering.people import unit
from tools.face_models import MOBILEFACENET
from tools.synthetic import SyntheticLibrary, make_library

DIMENSION = 128


class Growing:
    """A library that grows video by video, as the program's does but in memory."""

    def __init__(self, library: SyntheticLibrary, algorithm: Algorithm) -> None:
        self.vectors, self.usable = library.embeddings(), ~library.poor
        self.pairs = library.cannot_link()
        self.people = np.full(len(library), NOBODY, np.int64)
        self.threshold = MOBILEFACENET.grouping_distance * threshold_share(algorithm)
        self._group = partial(_grouped, algorithm, self.threshold)
        self._here = np.zeros(len(library), np.bool_)
        self._next = 0

    def whole(self) -> np.ndarray:
        """A grouping of everything."""
        nobody = np.full(len(self.people), NOBODY, np.int64)
        return self._regroup(np.arange(len(nobody)), nobody, Rules(together=self.pairs))

    def add(self, new: np.ndarray) -> None:
        self._here[new] = True
        own = np.flatnonzero(self._here & self.usable & (self.people >= 0))
        ids, place = np.unique(self.people[own], return_inverse=True)
        sizes = np.bincount(place, minlength=len(ids))
        means = np.zeros((len(ids), DIMENSION), np.float32)
        np.add.at(means, place, self.vectors[own])
        means /= np.maximum(sizes, 1)[:, None]
        near = neighbourhood(self.vectors[new], means, sizes, np.zeros(len(ids), np.bool_), threshold=self.threshold)
        assert not len(near.blocks)
        concerned = np.isin(self.people, ids[near.apart]) | ((self.people < 0) & ~self.usable)
        concerned[new] = True
        nodes = np.flatnonzero(concerned & self._here)
        rules = Rules(together=np.searchsorted(nodes, self.pairs[np.isin(self.pairs, nodes).all(axis=1)]))
        found = self._regroup(nodes, self.people[nodes], rules)
        fresh = found <= NEW
        self.people[nodes] = np.where(fresh, self._next + NEW - found, found)
        self._next += len(np.unique(found[fresh]))

    def _regroup(self, nodes: np.ndarray, previous: np.ndarray, rules: Rules) -> np.ndarray:
        ones, none = np.ones(len(nodes), np.float32), np.zeros(len(nodes), np.bool_)
        tracks = Nodes(self.vectors[nodes], ones, self.usable[nodes], previous, none)
        poor = 0.8 * self.threshold
        return regroup(tracks, rules, self._group, threshold=self.threshold, poor_threshold=poor).people


def _grouped(algorithm, threshold, vectors, weights, cannot, must):
    return group(vectors, algorithm=algorithm, threshold=threshold, weights=weights, cannot_link=cannot, must_link=must)


def f_of(library: SyntheticLibrary, people: np.ndarray) -> float:
    return bcubed(library.truth.tolist(), [None if who == NOBODY else int(who) for who in people]).f


@pytest.mark.parametrize("algorithm", ["agglomerative", "graph"])
def test_any_order_of_arrival_is_as_good_as_a_grouping_of_everything(algorithm: Algorithm) -> None:
    library = make_library(400, dimension=DIMENSION, seed=5)
    video = (library.frames - library.frames.min()) // 8
    videos = np.unique(video)
    whole = f_of(library, Growing(library, algorithm).whole())
    assert whole > 0.95
    for order in (videos, videos[::-1], np.random.default_rng(0).permutation(videos)):
        growing = Growing(library, algorithm)
        for one in order:
            growing.add(np.flatnonzero(video == one))
        assert f_of(library, growing.people) == pytest.approx(whole, abs=0.01)
        pairs = growing.people[growing.pairs]
        assert not ((pairs[:, 0] == pairs[:, 1]) & (pairs[:, 0] != NOBODY)).any()


def test_only_who_is_near_is_looked_at_and_the_large_and_the_fixed_as_they_are() -> None:
    means = unit(np.array([[1, 0], [0.99, 0.1], [0.98, 0.2], [0, 1]]))
    sizes, fixed = np.array([5, 900, 3, 2]), np.array([False, False, True, False])
    near = neighbourhood(means[:1], means, sizes, fixed, threshold=0.3)
    assert near.apart.tolist() == [0]
    assert near.blocks.tolist() == [1, 2]
    assert len(neighbourhood(means[:0], means, sizes, fixed, threshold=0.3).apart) == 0
