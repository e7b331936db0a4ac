"""Carries what users decided from the tracks of an earlier look over to those of a new one, face by face.

Nothing is carried where it is not clear which of the new tracks is meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain import FloatArray
from app.storage.decisions import Known, KnownTrack
from app.vision.track import Observation, TrackResult, TrackSettings, summarise

CLEAR = 2 / 3
"""Least share of a track's faces that must have been one person's for the track to be theirs."""

HALF = 0.5
"""Least share of a track's faces that must have gone into another for it to be its successor."""

Class = tuple[str, int]
"""Whose a track was: a person's, or by a user's word nobody's, which makes it somebody of their own."""

Load = Callable[[Sequence[int]], list[Observation]]


@dataclass(frozen=True)
class Matched:
    """New faces and the old ones that they are.

    Attributes:
        faces: Old face by new face.
        dismissed: New faces that a user dismissed when they were old.
    """

    faces: Mapping[int, int] = field(default_factory=dict)
    dismissed: frozenset[int] = frozenset()


class Carrier:
    """What is known of a video's old tracks, against its new ones.

    Args:
        known: What is known.
        matched: Which faces are which.
    """

    def __init__(self, known: Known, matched: Matched) -> None:
        self._known = known
        self._decided = known.decided
        self._owner = {
            new: known.owners[old]
            for new, old in matched.faces.items()
            if old in known.owners and new not in matched.dismissed
        }
        self._sizes = Counter(self._owner.values())

    def cut(self, result: TrackResult, load: Load, settings: TrackSettings) -> list[TrackResult]:
        """Takes a new track apart where a user had put its faces to different people.

        Args:
            result: The new track.
            load: Reads its faces, in the order of time.
            settings: For its pack.

        Returns:
            The track itself, or its parts.
        """
        votes = self._votes(result)
        if not self._decided.intersection(votes):
            return [result]
        classes = self._classes(votes)
        if len(classes) < 2:
            return [result]
        place = {key: classes.get(self._class(self._owner.get(key))) for key in result.keys}
        parts = _parts(load(result.keys), place, len(classes))
        return [summarise(part, settings) for part in parts if part]

    def person_of(self, result: TrackResult) -> tuple[int | None, bool]:
        """Whose a new track is by its faces.

        Returns:
            The person, and whether that is known: where it is, ``None`` means nobody.
        """
        votes = self._votes(result)
        if not votes:
            return None, False
        by_class: Counter[Class | None] = Counter()
        for track, number in votes.items():
            by_class[self._class(track)] += number
        best, number = by_class.most_common(1)[0]
        if number < CLEAR * votes.total():
            return None, True
        if best is None:
            return None, False
        return (best[1], True) if best[0] == "person" else (None, True)

    def successors(self, results: Sequence[TrackResult]) -> dict[int, list[int]]:
        """For each old track the places of the new ones that go on as it, those with most of its faces first."""
        found: dict[int, list[tuple[int, int]]] = {track: [] for track in self._known.tracks}
        for place, result in enumerate(results):
            votes = self._votes(result)
            for track, number in votes.items():
                if number >= HALF * self._sizes[track] or number >= HALF * votes.total():
                    found[track].append((-number, place))
        return {track: [place for _, place in sorted(places)] for track, places in found.items()}

    def _votes(self, result: TrackResult) -> Counter[int]:
        return Counter(self._owner[key] for key in result.keys if key in self._owner)

    def _class(self, track_id: int | None) -> Class | None:
        track = self._known.tracks.get(track_id or 0)
        if track is None:
            return None
        if track.person_id is not None:
            return ("person", track.person_id)
        return ("track", track.id) if track.id in self._decided else None

    def _classes(self, votes: Counter[int]) -> dict[Class | None, int]:
        """The people among the faces of a new track, numbered; strays do not count."""
        by_class: Counter[Class] = Counter()
        whole: set[Class] = set()
        for track, number in votes.items():
            if (one := self._class(track)) is not None:
                by_class[one] += number
                if number >= HALF * self._sizes[track]:
                    whole.add(one)
        return {
            one: place
            for place, one in enumerate(sorted(whole | {c for c in by_class if by_class[c] >= HALF * votes.total()}))
        }


def _parts(faces: Sequence[Observation], place: Mapping[int, int | None], number: int) -> list[list[Observation]]:
    """Sorts faces into parts; those of which nothing is known go where they look most alike."""
    means: list[FloatArray] = []
    for part in range(number):
        mean = np.mean([face.embedding for face in faces if place[face.key] == part], axis=0)
        means.append(mean / max(float(np.linalg.norm(mean)), 1e-9))
    parts: list[list[Observation]] = [[] for _ in range(number)]
    for face in faces:
        known = place[face.key]
        best = known if known is not None else int(np.argmax([mean @ face.embedding for mean in means]))
        parts[best].append(face)
    return parts


def person_by_looks(
    result: TrackResult, known: Sequence[KnownTrack], vectors: FloatArray, distance: float
) -> int | None:
    """The person whose track was there at that time and looks most alike, for a track of which no face is known.

    Args:
        result: The new track.
        known: Old tracks of the same space that are somebody's.
        vectors: ``float32`` (n, d): their embeddings.
        distance: Largest cosine distance.
    """
    near = [i for i, one in enumerate(known) if one.start <= result.end and one.end >= result.start]
    if not near:
        return None
    distances = 1.0 - vectors[near] @ result.embedding
    best = int(np.argmin(distances))
    return known[near[best]].person_id if distances[best] <= distance else None
