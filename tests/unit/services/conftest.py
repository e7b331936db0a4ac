"""A library with the real engine, and a film of two people."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain import Image
from app.services.context import Context
from tests.films import make_film
from tests.library import make_context


@pytest.fixture
def context(tmp_path: Path, models_cache: Path) -> Context:
    """An empty SQLite library whose models come from the tests' cache."""
    return make_context(tmp_path / "library", models_folder=str(models_cache), max_video_size_mb=50)


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, grace_hopper: Image) -> Path:
    """Eileen Collins for 4 s, then Grace Hopper for 4 s."""
    return make_film(tmp_path_factory.mktemp("film") / "two people.mp4", [astronaut, grace_hopper])
