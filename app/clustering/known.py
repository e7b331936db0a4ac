"""What a grouping starts from: tracks, and what is certain about them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from app.domain import FloatArray, IntArray

NOBODY = -1
NEW = -2  # the first new person; the next is -3
NO_PAIRS: IntArray = np.empty((0, 2), np.int64)


@dataclass(frozen=True)
class Nodes:
    """Tracks as parallel arrays of length n.

    Attributes:
        vectors: ``float32`` (n, d), no longer than 1; see :mod:`app.clustering.means`.
        weights: ``float32``, positive: how many faces each stands for.
        usable: ``bool``: may found or join a person.
        previous: ``int64`` person before, -1 for nobody.
        confirmed: ``bool``: a user said that it is ``previous``.
    """

    vectors: FloatArray
    weights: FloatArray
    usable: npt.NDArray[np.bool_]
    previous: IntArray
    confirmed: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.weights)


@dataclass(frozen=True)
class Rules:
    """What is certain, in numbers of nodes and ids of people. No pair names anything twice.

    Attributes:
        together: ``int64`` (m, 2) nodes that share a frame.
        same: ``int64`` (m, 2) nodes that are one person.
        apart: ``int64`` (m, 2) nodes that are two.
        not_person: ``int64`` (m, 2) a node, and whom it is not.
        strangers: ``int64`` (m, 2) two people.
        kept: ``int64`` (k,) sorted ids of people who must not be lost.
        named: ``bool`` (k,) which of them have a name.
    """

    together: IntArray = field(default_factory=lambda: NO_PAIRS)
    same: IntArray = field(default_factory=lambda: NO_PAIRS)
    apart: IntArray = field(default_factory=lambda: NO_PAIRS)
    not_person: IntArray = field(default_factory=lambda: NO_PAIRS)
    strangers: IntArray = field(default_factory=lambda: NO_PAIRS)
    kept: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    named: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
