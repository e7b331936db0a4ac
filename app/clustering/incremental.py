"""Puts new tracks where a grouping of everything would put them, by looking at their neighbourhood only.

Average linkage is local: what becomes of a group depends on the groups that are near it. So when tracks come in, the
people near them are taken apart into their tracks and grouped anew, together with the new ones, by the very rules and
algorithm of a grouping of the whole library (:mod:`app.clustering.regroup`); everybody else stays as they are. Unlike a
mere "join the nearest one", this undoes what looked right before the new tracks came, and the order in which videos
arrive hardly matters.

People who must not change now, and those with too many tracks to be taken apart, take part as blocks: one node each,
as heavy as all their tracks, at their mean; for average linkage that is the same as all their tracks in one group.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.domain import FloatArray, IntArray

# People up to so much farther than where grouping stops are looked at: a new track may tip the balance between them
REACH = 1.1
# Tracks of people who are taken apart; more make little difference and take longer
BUDGET = 800
# People who are looked at
PEOPLE = 48
CHUNK_ROWS = 1_024


@dataclass(frozen=True)
class Neighbourhood:
    """Who is near new tracks, as places in the means of all people, nearest first.

    Attributes:
        apart: ``int64`` those who are taken apart into their tracks.
        blocks: ``int64`` those who take part as they are.
    """

    apart: IntArray
    blocks: IntArray


def neighbourhood(
    new: FloatArray,
    means: FloatArray,
    sizes: IntArray,
    fixed: npt.NDArray[np.bool_],
    *,
    threshold: float,
    reach: float = REACH,
    budget: int = BUDGET,
) -> Neighbourhood:
    """Finds the people whom new tracks may concern.

    Args:
        new: ``float32`` (m, d) the new tracks, no longer than 1; see :mod:`app.clustering.means`.
        means: ``float32`` (p, d) weighted means of all people's tracks, not unit length.
        sizes: ``int64`` (p,) how many tracks each has.
        fixed: ``bool`` (p,) those who must not change.
        threshold: Mean cosine distance up to which two groups become one.
        reach: How much farther people are looked at, as a multiple.
        budget: How many tracks are taken apart at most.
    """
    near = nearest_distances(new, means)
    within = np.flatnonzero(near <= min(threshold * reach, 2.0))
    chosen = within[np.argsort(near[within], kind="stable")][:PEOPLE]
    free = ~fixed[chosen]
    spent = np.cumsum(np.where(free, sizes[chosen], 0))
    apart = free & (spent <= budget)
    return Neighbourhood(chosen[apart], chosen[~apart])


def nearest_distances(new: FloatArray, means: FloatArray) -> FloatArray:
    """The distance of each mean to the nearest of the new tracks, ``float32`` (p,), infinite where there is none."""
    near: FloatArray = np.full(len(means), np.inf, np.float32)
    for start in range(0, len(new), CHUNK_ROWS):
        if len(means):
            part = np.float32(1.0) - means @ new[start : start + CHUNK_ROWS].T
            near = np.minimum(near, part.min(axis=1))
    return near
