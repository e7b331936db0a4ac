"""A library whose faces are directions in a plane: how far two are apart is an angle."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import RuleKind
from app.models import Face, LinkRule, Person, PersonEvent, Track
from app.services.context import Context
from app.services.grouping import place_newcomers
from app.storage import vectors
from app.storage.journal import Journal
from app.vision import BUNDLED
from tests.library import Library, make_context

SAME = 10.0  # degrees: one person; grouping stops at 18.9
APART = 40.0


class Free:
    """Whoever places tracks without a job."""

    def check(self) -> None:
        """Goes on."""

    def fence(self, session: Session) -> None:
        """Lets everything through."""


def looks(degrees: float, plane: int = 0) -> np.ndarray:
    vector = np.zeros(BUNDLED.dimension, np.float32)
    angle = np.deg2rad(degrees)
    vector[2 * plane : 2 * plane + 2] = np.cos(angle), np.sin(angle)
    return vector


@dataclass
class House:
    """Adds tracks and looks at whose they are."""

    context: Context
    library: Library
    _moments: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def video(self) -> int:
        return self.library.video(state=None, data=None)

    def person(self, name: str | None = None, **facts: object) -> int:
        person_id = self.library.person(name)
        with self.context.database.write() as session:
            for fact, value in facts.items():
                setattr(session.get_one(Person, person_id), fact, value)
        return person_id

    def track(
        self,
        degrees: float,
        person: int | None = None,
        *,
        video: int | None = None,
        plane: int = 0,
        faces: int = 1,
        usable: bool = True,
        confirmed: bool = False,
        at: float | None = None,
    ) -> int:
        """A track; without ``at`` it shares no frame with any other."""
        video = self.video() if video is None else video
        times = [float(next(self._moments)) for _ in range(faces)] if at is None else [at]
        found = self.library.track(video, None, times, usable=usable)
        with self.context.database.write() as session:
            if at is not None:
                session.get_one(Face, found[0]).ordinal = found[0]
            track_id = session.get_one(Face, found[0]).track_id
            track = session.get_one(Track, track_id)
            track.embedding = vectors.encode(looks(degrees, plane))
            track.person_id, track.confirmed = person, confirmed
            for face in found:
                row = session.get_one(Face, face)
                row.embedding, row.person_id, row.ordinal = track.embedding, person, face
        assert track_id is not None
        return track_id

    def rule(self, kind: RuleKind, **ends: int) -> int:
        with self.context.database.write() as session:
            rule = LinkRule(kind=kind, **ends)
            session.add(rule)
            session.flush()
            return rule.id

    def whose(self, *tracks: int) -> list[int | None]:
        with self.context.database.session() as session:
            return [session.get_one(Track, track).person_id for track in tracks]

    def people(self) -> set[int]:
        with self.context.database.session() as session:
            return set(session.scalars(select(Person.id)))

    def place(self, video: int) -> int:
        return place_newcomers(self.context, Free(), video)

    def give(self, person: int | None, *tracks: int) -> None:
        """An edit by a user."""
        with self.context.database.write() as session:
            journal = Journal(session, "move", "Moved tracks")
            journal.set_many(Track, "person_id", dict.fromkeys(tracks, person))
            journal.close()

    def events(self) -> list[str]:
        with self.context.database.session() as session:
            return list(session.scalars(select(PersonEvent.kind).order_by(PersonEvent.id)))

    def faces_follow(self) -> bool:
        """Whether every face is whose its track is."""
        with self.context.database.session() as session:
            rows = session.execute(select(Face.person_id, Track.person_id).join(Track, Track.id == Face.track_id))
            return all(mine == theirs for mine, theirs in rows)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    """An empty library on each database. It is grouped by average linkage, whose limits can be told from angles."""
    context = make_context(tmp_path / "library", database_url=database_url, clustering_algorithm="agglomerative")
    yield House(context, Library(context))
    context.database.dispose()
