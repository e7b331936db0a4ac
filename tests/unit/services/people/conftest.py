"""A library of two people in two videos, on each database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from app.models import Face, LinkRule, Person, Track
from app.services.context import Context
from app.storage import vectors
from app.vision import BUNDLED
from tests.library import Library, make_context


@dataclass
class World:
    """People, with their tracks in the order in which they were made."""

    context: Context
    library: Library

    def track(self, video: int, person: int | None, times: list[float], *, looks: int = 0, **fields: object) -> int:
        """A track whose faces look like person number ``looks`` of the world."""
        faces = self.library.track(video, person, times, **fields)  # type: ignore[arg-type]
        with self.context.database.write() as session:
            track_id = session.get_one(Face, faces[0]).track_id
            assert track_id is not None
            session.get_one(Track, track_id).embedding = vectors.encode(looks_of(looks, faces[0]))
            for face in faces:
                session.get_one(Face, face).embedding = vectors.encode(looks_of(looks, face))
        return track_id

    def faces(self, track: int) -> list[int]:
        with self.context.database.session() as session:
            query = select(Face.id).where(Face.track_id == track).order_by(Face.timestamp)
            return list(session.scalars(query))

    def whose(self, *tracks: int) -> list[int | None]:
        with self.context.database.session() as session:
            return [session.get_one(Track, track).person_id for track in tracks]

    def confirmed(self, *tracks: int) -> list[bool]:
        with self.context.database.session() as session:
            return [session.get_one(Track, track).confirmed for track in tracks]

    def person(self, person_id: int) -> Person | None:
        with self.context.database.session() as session:
            return session.get(Person, person_id)

    def rules(self) -> list[tuple[object, ...]]:
        """Kind, track, other track, person, other person of all rules."""
        with self.context.database.session() as session:
            return sorted(
                (
                    (one.kind.value, one.track_id, one.other_track_id, one.person_id, one.other_person_id)
                    for one in session.scalars(select(LinkRule))
                ),
                key=str,
            )

    def state(self) -> dict[str, object]:
        """Everything that edits change, to compare."""
        with self.context.database.session() as session:
            people = {
                one.id: (
                    one.name, one.aliases, one.notes, one.birth_date, one.hidden, one.ignored, one.favourite,
                    one.cover_chosen and one.cover_face_id,
                )
                for one in session.scalars(select(Person))
            }  # fmt: skip
            faces = {
                one.id: (one.person_id, one.dismissed, one.track_id is None) for one in session.scalars(select(Face))
            }
            confirmed = {
                face.id: track.confirmed
                for face, track in session.execute(select(Face, Track).join(Track, Track.id == Face.track_id))
            }
        return {"people": people, "faces": faces, "confirmed": confirmed, "rules": self.rules()}


def looks_of(number: int, seed: int) -> np.ndarray:
    """A vector of unit length near the one of a person of the world; people are far apart."""
    own = np.zeros(BUNDLED.dimension)
    own[number * 7] = 1.0
    noisy = own + np.random.default_rng(seed).normal(size=BUNDLED.dimension) * 0.01
    return np.asarray(noisy / np.linalg.norm(noisy))


@pytest.fixture
def context(tmp_path: Path, database_url: str) -> Iterator[Context]:
    """Each test runs once on SQLite and once on PostgreSQL."""
    made = make_context(tmp_path, database_url=database_url)
    yield made
    made.database.dispose()


@pytest.fixture
def world(context: Context) -> World:
    return World(context, Library(context))
