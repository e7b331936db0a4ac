"""What a grouping would change: which track would go from whom to whom."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from app.clustering.known import NEW, NOBODY
from app.domain import IntArray
from app.services.grouping.decide import Decision
from app.storage.tracks import TrackNodes

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """Tracks that change hands, as parallel arrays of length n, by track.

    Attributes:
        tracks: ``int64`` ids.
        before: ``int64`` person now, -1 for nobody.
        after: ``int64`` person then; -1 for nobody, -2, -3, ... for the first, second, ... new one.
        faces: ``int64`` faces of the track.
    """

    tracks: IntArray
    before: IntArray
    after: IntArray
    faces: IntArray

    def __len__(self) -> int:
        return len(self.tracks)

    @classmethod
    def of(cls, nodes: TrackNodes, decision: Decision) -> Plan:
        """From a decision about tracks."""
        moved = np.flatnonzero(nodes.person_ids != decision.person_ids)
        return cls(nodes.ids[moved], nodes.person_ids[moved], decision.person_ids[moved], nodes.face_counts[moved])

    @property
    def people(self) -> IntArray:
        """Everybody who is there and would lose or gain a track, sorted."""
        both = np.concatenate([self.before, self.after])
        return np.unique(both[both >= 0])

    @property
    def new_people(self) -> IntArray:
        """Numbers of the new people: -2, -3, ..."""
        return np.unique(self.after[self.after <= NEW])[::-1]

    def where(self, chosen: BoolArray) -> Plan:
        """A part of it."""
        return replace(
            self,
            tracks=self.tracks[chosen],
            before=self.before[chosen],
            after=self.after[chosen],
            faces=self.faces[chosen],
        )

    def parts(self) -> IntArray:
        """Numbers of the parts of the plan that have nobody in common, ``int64`` (n,).

        A part is carried out as a whole or not at all: half of a swap would put two into one who are two.
        """
        both = np.column_stack([self.before, self.after])
        people, place = np.unique(both, return_inverse=True)
        place = place.reshape(both.shape)
        count = len(people)
        real = (both != NOBODY).all(axis=1)
        links = coo_matrix((np.ones(int(real.sum())), tuple(place[real].T)), shape=(count, count))
        part = connected_components(links, directed=False)[1]
        chosen = np.where(self.before != NOBODY, place[:, 0], place[:, 1])
        return part[chosen].astype(np.int64) if count else np.empty(0, np.int64)

    def without(self, bad: BoolArray) -> Plan:
        """What is left when all parts with a bad change are left out."""
        if not bad.any():
            return self
        parts = self.parts()
        return self.where(~np.isin(parts, parts[bad]))

    def touching(self, tracks: Collection[int], people: Collection[int]) -> BoolArray:
        """Which changes are about some tracks or people."""
        whom = np.fromiter(people, np.int64, len(people))
        return (
            np.isin(self.tracks, np.fromiter(tracks, np.int64, len(tracks)))
            | np.isin(self.before, whom)
            | np.isin(self.after, whom)
        )

    def same_as(self, other: Plan) -> bool:
        """Whether both change the same."""
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in ("tracks", "before", "after"))

    def pack(self) -> bytes:
        """As it is stored."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, tracks=self.tracks, before=self.before, after=self.after, faces=self.faces)
        return buffer.getvalue()

    @classmethod
    def unpack(cls, data: bytes | None) -> Plan:
        """From what is stored; of nothing an empty one."""
        if data is None:
            none = np.empty(0, np.int64)
            return cls(none, none, none, none)
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            return cls(found["tracks"], found["before"], found["after"], found["faces"])


def changed_shares(plan: Plan, people: Collection[int], faces: dict[int, int]) -> dict[int, float]:
    """By how much people would change: faces that they lose, or gain from somebody, by faces that they have.

    Faces that nobody had do not count: a new video may bring as many as it likes.

    Args:
        plan: The plan.
        people: About whom is asked.
        faces: How many faces each has now.

    Returns:
        Share of everybody who would change.
    """
    moved: dict[int, int] = {}
    asked = set(people)
    for before, after, number in zip(plan.before.tolist(), plan.after.tolist(), plan.faces.tolist(), strict=True):
        if before == NOBODY:
            continue
        for person in (before, after):
            if person in asked:
                moved[person] = moved.get(person, 0) + number
    return {person: number / max(faces.get(person, 0), 1) for person, number in moved.items()}
