"""Libraries of made-up faces, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.domain import FloatArray
from app.models import Face
from app.services.context import Context
from app.services.search import Matches, SearchOptions, search_embedding
from app.storage import vectors
from app.vision import BUNDLED
from tests.library import Library, make_context


def face_like(seed: int, noise: float = 0.0, variant: int = 0) -> FloatArray:
    """A face; with noise another picture of the same one."""
    base = np.random.default_rng(seed).normal(size=BUNDLED.dimension)
    other = np.random.default_rng((seed, variant + 1)).normal(size=BUNDLED.dimension)
    vector = base / np.linalg.norm(base) + noise * other / np.linalg.norm(other)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class Faces(Library):
    """A library whose faces look like something."""

    def add(self, *looks: FloatArray, video: int | None = None, person: int | None = None) -> list[int]:
        """One track with these faces, a second apart; returns the faces' ids."""
        video = self.video(data=None) if video is None else video
        times = [100.0 * self._count() + number for number in range(len(looks))]
        ids = self.track(video, person, times)
        with self.context.database.write() as session:
            for number, look in zip(ids, looks, strict=True):
                row = session.get_one(Face, number)
                row.embedding = vectors.encode(look)
                row.crop_key = f"faces/{video}/{number}.jpg"
        return ids

    def video_of(self, face_id: int) -> int:
        with self.context.database.session() as session:
            return session.get_one(Face, face_id).video_id

    def _count(self) -> int:
        with self.context.database.session() as session:
            return session.query(Face).count()


@pytest.fixture
def any_library(tmp_path: Path, database_url: str) -> Iterator[Faces]:
    """Once on SQLite, once on Postgres."""
    library = Faces(make_context(tmp_path, database_url=database_url))
    yield library
    library.context.database.dispose()


@pytest.fixture
def library(tmp_path: Path) -> Faces:
    return Faces(make_context(tmp_path))


def found(context: Context, look: FloatArray, **options: object) -> list[int]:
    """Ids of the faces that a search names."""
    return [moment.face.face_id for moment in asked(context, look, **options).moments]


def asked(context: Context, look: FloatArray, **options: object) -> Matches:
    return search_embedding(context, look.tolist(), SearchOptions(**options))  # type: ignore[arg-type]
