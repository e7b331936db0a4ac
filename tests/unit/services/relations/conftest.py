"""A library of people who look as much alike as a test wants, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.services.context import Context
from tests.alike import Crowd
from tests.library import Library, make_context


@pytest.fixture
def context(tmp_path: Path, database_url: str) -> Iterator[Context]:
    made = make_context(tmp_path, database_url=database_url)
    yield made
    made.database.dispose()


@pytest.fixture
def crowd(context: Context) -> Crowd:
    return Crowd(Library(context))
