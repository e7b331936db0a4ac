"""A library with a processed film, copied anew for each test; and a look at all that is in a library."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.models import Base, utc_now
from app.services.context import Context
from app.services.doctor import Report, examine
from app.services.ingest import submit_file
from app.services.jobs import Outcome, run_job
from app.storage import jobs as job_rows
from tests.library import make_context

Examine = Callable[..., Report]


@pytest.fixture(scope="session")
def processed(tmp_path_factory: pytest.TempPathFactory, models_cache: Path, film: Path) -> Path:
    folder = tmp_path_factory.mktemp("processed") / "library"
    context = make_context(folder, models_folder=str(models_cache), max_video_size_mb=50)
    submission = submit_file(context, film)
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    with context.database.session() as session:
        (grouping,) = job_rows.waiting(session)
    assert run_job(context, grouping) == Outcome.SUCCEEDED
    context.database.dispose()
    return folder


@pytest.fixture
def library(processed: Path, tmp_path: Path, models_cache: Path) -> Context:
    """A healthy library of its own."""
    shutil.copytree(processed, tmp_path / "library")
    return make_context(tmp_path / "library", models_folder=str(models_cache), max_video_size_mb=50)


@pytest.fixture
def look(library: Context) -> Examine:
    """Examines the library three hours from now, so that nothing is too young."""

    def call(**options: object) -> Report:
        return examine(library, **{"now": utc_now() + timedelta(hours=3), **options})

    return call


def rows_of(context: Context) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with context.database.session() as session:
        return {
            name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for name, table in Base.metadata.tables.items()
        }


def files_of(context: Context) -> dict[str, bytes]:
    """Every file but the database."""
    root = context.settings.faaaaaces_data
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".db" not in path.name
    }


def codes(report: Report) -> list[str]:
    """What was found."""
    return [finding.code for finding in report.findings]
