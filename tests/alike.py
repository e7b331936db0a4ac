"""People who look like each other as much as a test wants."""

from __future__ import annotations

import numpy as np

from app.domain import FloatArray
from app.models import Face, Track
from app.storage import vectors
from app.vision import BUNDLED
from tests.library import Library


def distance_of(similarity: float) -> float:
    """How far the means of two people are apart who are one with this probability."""
    return BUNDLED.distance_at(similarity) / BUNDLED.same_person_distance * BUNDLED.face_grouping_distance


def stranger(seed: int) -> FloatArray:
    """A face unlike all others."""
    vector = np.random.default_rng(seed).normal(size=BUNDLED.dimension)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def alike(face: FloatArray, similarity: float, seed: int = 0) -> FloatArray:
    """A face that is of the same person with this probability."""
    other = stranger(1000 + seed)
    across = other - (other @ face) * face
    cosine = 1.0 - distance_of(similarity)
    made = cosine * face + np.sqrt(1.0 - cosine**2) * across / np.linalg.norm(across)
    return made.astype(np.float32)


class Crowd:
    """Adds people and tracks whose faces all look the same."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._seconds = 0.0

    def person(self, face: FloatArray, faces: int = 1, name: str | None = None, video: int | None = None) -> int:
        """A person with so many faces, each a track, in a video of their own unless told."""
        person = self.library.person(name)
        video = self.library.video(data=None) if video is None else video
        for _ in range(faces):
            self.track(face, person, video)
        return person

    def track(self, face: FloatArray, person: int | None, video: int, *times: float) -> int:
        """A track with a face at each time, after all others unless told; returns its id."""
        self._seconds += 100.0
        ids = self.library.track(video, person, times or [self._seconds])
        with self.library.context.database.write() as session:
            for number in ids:
                session.get_one(Face, number).embedding = vectors.encode(face)
            track = session.get_one(Track, session.get_one(Face, ids[0]).track_id)
            track.embedding = vectors.encode(face)
            return track.id
