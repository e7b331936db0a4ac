"""How long people are on screen at the same time. Arrays in, arrays out; no loop over tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from app.domain import IntArray
from app.storage.views.relations import Spans

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stretches:
    """When people are on screen: stretches that do not overlap, per person, on one line of time.

    The videos lie behind each other on the line, far enough apart, so one search finds the right moment of the right
    video.

    Attributes:
        people: ``int64`` (p,), sorted.
        owner: ``int64`` (m,) place in ``people`` of each stretch, ascending.
        starts: ``float64`` (m,), ascending for each person.
        ends: ``float64`` (m,).
        videos: Which person is in which video: ``int32`` CSR (p, videos), all ones.
    """

    people: IntArray
    owner: IntArray
    starts: Seconds
    ends: Seconds
    videos: csr_matrix

    def of(self, place: int) -> slice:
        """The stretches of one person."""
        return slice(*np.searchsorted(self.owner, (place, place + 1)).tolist())


def stretches(spans: Spans) -> Stretches:
    """Joins the tracks of each person that touch or overlap, video by video."""
    people, owner = np.unique(spans.person_ids, return_inverse=True)
    videos, place = np.unique(spans.video_ids, return_inverse=True)
    ones = (np.ones(len(owner), np.int32), (owner, place))
    seen = csr_matrix(ones, shape=(len(people), len(videos)))
    seen.data[:] = 1
    length = float(spans.ends.max(initial=0.0)) + 1.0
    starts, ends = spans.starts + place * length, spans.ends + place * length
    order = np.lexsort((starts, owner))
    owner, starts, ends = owner[order], starts[order], ends[order]
    # A piece of the line for each person, so that the furthest end so far is one of the same person.
    piece = owner * (len(videos) * length)
    furthest = np.maximum.accumulate(ends + piece) if len(ends) else ends
    first = np.flatnonzero(np.append(True, (starts + piece)[1:] > furthest[:-1])[: len(starts)])
    joined = np.maximum.reduceat(ends, first) if len(first) else ends
    return Stretches(people, owner[first], starts[first], joined, seen)


def shared_seconds(of: Stretches, place: int) -> Seconds:
    """For how long each person is on screen together with one of them.

    Args:
        of: Everybody.
        place: The one, as a place in ``of.people``.

    Returns:
        ``float64`` (p,), by place; for the one it is their own time.
    """
    mine = of.of(place)
    edges = np.column_stack([of.starts[mine], of.ends[mine]]).ravel()
    grown = np.column_stack([np.zeros(mine.stop - mine.start), of.ends[mine] - of.starts[mine]]).ravel().cumsum()
    # Seconds of theirs up to a moment grow along their stretches and stand still between: linear between the edges.
    within = np.interp(of.ends, edges, grown) - np.interp(of.starts, edges, grown)
    summed: Seconds = np.bincount(of.owner, weights=within, minlength=len(of.people)).astype(np.float64)
    return summed
