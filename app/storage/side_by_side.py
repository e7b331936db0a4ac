"""Who is seen side by side: two faces of one sampled frame are two people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain import IntArray
from app.models import Face, Track
from app.storage.questions import Candidate
from app.storage.rows import batches

AT_ONCE = 500  # pairs
LONGEST = 1e7  # seconds, or pictures of a set: nothing of one video reaches into the next
FIRST_LOOK = 4  # tracks that overlap nearly always share a frame, so a few of them decide


@dataclass(frozen=True, slots=True)
class _Tracks:
    """Tracks of one side, in the order of video and time.

    Attributes:
        ids: ``int64`` (n,).
        begin: ``float64`` (n,) where each begins on one line of time, on which the videos lie behind each other.
        end: ``float64`` (n,) where it ends.
    """

    ids: IntArray
    begin: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]


_NONE = _Tracks(np.empty(0, np.int64), np.empty(0), np.empty(0))


def share_a_frame(session: Session, candidates: Sequence[Candidate]) -> set[str]:
    """Those pairs of which both are seen in one sampled frame.

    Few tracks of two people are of one video and overlap, and only faces of those are looked at.
    """
    found: set[str] = set()
    for part in batches(candidates, AT_ONCE):
        people = {who for one in part for who in (one.person_id, one.other_person_id) if who is not None}
        by_person = _tracks(session, Track.person_id, people)
        by_track = _tracks(session, Track.id, {one.track_id for one in part if one.track_id is not None})
        meetings = {
            one.pair: _meetings(
                by_person.get(one.person_id, _NONE),
                by_person.get(one.other_person_id or 0, _NONE)
                if one.track_id is None
                else by_track.get(one.track_id, _NONE),
            )
            for one in part
        }
        found |= _met(session, {pair: met[:FIRST_LOOK] for pair, met in meetings.items()})
        found |= _met(session, {pair: met[FIRST_LOOK:] for pair, met in meetings.items() if pair not in found})
    return found


def _tracks(session: Session, key: InstrumentedAttribute[Any], wanted: set[int]) -> dict[int, _Tracks]:
    rows: list[tuple[int, int, int, float, float]] = []
    for part in batches(sorted(wanted)):
        query = select(key, Track.id, Track.video_id, Track.start, Track.end).where(key.in_(part))
        rows += [(one or 0, track, video, start, end) for one, track, video, start, end in session.execute(query)]
    if not rows:
        return {}
    owners, ids, videos, starts, ends = (np.array(column) for column in zip(*rows, strict=True))
    begin, end = videos * LONGEST + starts, videos * LONGEST + ends
    order = np.lexsort((begin, owners))
    owners, ids, begin, end = owners[order], ids[order], begin[order], end[order]
    names, first = np.unique(owners, return_index=True)
    parts = zip(names.tolist(), *(np.split(column, first[1:]) for column in (ids, begin, end)), strict=True)
    return {name: _Tracks(one, begins, finishes) for name, one, begins, finishes in parts}


def _meetings(mine: _Tracks, theirs: _Tracks) -> list[tuple[int, int]]:
    """Pairs of tracks of two sides that overlap in time, as ids."""
    if not len(mine.ids) or not len(theirs.ids):
        return []
    low = np.searchsorted(np.maximum.accumulate(theirs.end), mine.begin, side="left")
    high = np.searchsorted(theirs.begin, mine.end, side="right")
    counts = np.maximum(high - low, 0)
    one = np.repeat(np.arange(len(mine.ids)), counts)
    other = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts - low, counts)
    overlap = theirs.end[other] >= mine.begin[one]
    return list(zip(mine.ids[one[overlap]].tolist(), theirs.ids[other[overlap]].tolist(), strict=True))


def _met(session: Session, meetings: Mapping[str, Sequence[tuple[int, int]]]) -> set[str]:
    """Those of which two tracks share a frame; tracks that overlap are of one video."""
    frames = _frames(session, {track for pairs in meetings.values() for pair in pairs for track in pair})
    return {
        name
        for name, pairs in meetings.items()
        if any(not frames[one].isdisjoint(frames[other]) for one, other in pairs)
    }


def _frames(session: Session, tracks: Iterable[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for part in batches(sorted(set(tracks))):
        query = select(Face.track_id, Face.sample).where(Face.track_id.in_(part), ~Face.dismissed)
        for track, sample in session.execute(query):
            found[track or 0].add(sample)
    return found
