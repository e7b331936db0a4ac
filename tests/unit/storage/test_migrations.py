"""The migrations against the models, on both databases, with data."""

from __future__ import annotations

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from app.domain import JobKind
from app.models import Base, Job, Person, VideoSource
from app.storage import jobs, people, tracks
from app.storage.database import Database
from app.storage.migrate import alembic_config
from tests.unit.storage.rows import make_tracked_video

REVISIONS = [
    script.revision for script in reversed(list(ScriptDirectory.from_config(alembic_config()).walk_revisions()))
]


def fill(database: Database) -> None:
    with database.write() as session:
        video, ids = make_tracked_video(session, [[(0, 0), (1, 0)], [(0, 1)]])
        ada = people.add(session, "Ada")
        tracks.assign_people(session, ids, [ada.id, -1])
        session.add(VideoSource(video_id=video.id, origin=video.origin, file_name=video.file_name))
        jobs.add(session, JobKind.PROCESS_VIDEO, video_id=video.id, params={"interval": 0.5})


def test_the_tables_are_those_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_conditions_of_indexes_are_those_of_the_models(database: Database) -> None:
    """Alembic does not compare conditions, and this one is what keeps two groupings from waiting."""
    with database.write() as session:
        session.add(Job(id="1", kind=JobKind.CLUSTER))
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(Job(id="2", kind=JobKind.CLUSTER))
    with database.write() as session:
        session.add(Job(id="3", kind=JobKind.CLUSTER, state="running"))
        session.add(Job(id="4", kind=JobKind.CLUSTER, state="succeeded"))
        session.add_all([Job(id=name, kind=JobKind.PROCESS_VIDEO) for name in "56"])


def test_down_to_nothing_and_up_again_with_data(database: Database) -> None:
    fill(database)
    database.downgrade("base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version", "sqlite_sequence"}
    assert database.upgrade()
    fill(database)


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_step_goes_up_and_down_and_up(database: Database, revision: str) -> None:
    fill(database)
    before = counts(database)
    database.downgrade(revision)
    database.upgrade()
    assert counts(database) == before
    database.downgrade(f"{revision}-1" if revision != REVISIONS[0] else "base")
    database.upgrade()
    assert database.is_current()


def test_an_id_is_never_used_again(database: Database) -> None:
    with database.write() as session:
        first = people.add(session).id
        people.delete_empty(session)
    with database.write() as session:
        assert people.add(session).id > first
    with database.session() as session:
        assert session.get(Person, first) is None
    reused = {
        "video",
        "face",
        "track",
        "person",
        "job_log",
        "clustering_run",
        "person_event",
        "link_rule",
        "face_change",
    }
    if database.is_sqlite:
        with database.session() as session:
            made = dict(session.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all())
        assert {name for name in made if "AUTOINCREMENT" in made[name]} == reused


def counts(database: Database) -> dict[str, Any]:
    tables = sorted(set(Base.metadata.tables) - {"face_change"})  # a log: it begins anew
    with database.session() as session:
        return {name: session.scalar(text(f'SELECT count(*) FROM "{name}"')) for name in tables}
