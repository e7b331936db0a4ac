from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.errors import ConfigError
from app.models import Job, Person, Video
from app.storage import migrate
from app.storage.database import Database, parse_url
from tests.unit.storage.rows import make_video


@pytest.mark.parametrize(
    ("url", "driver", "shown"),
    [
        ("postgres://u:secret@h/n", "postgresql+psycopg", "postgresql+psycopg://u:***@h/n"),
        ("postgresql://u:secret@h:5/n", "postgresql+psycopg", "postgresql+psycopg://u:***@h:5/n"),
        ("postgresql+psycopg://u@h/n", "postgresql+psycopg", "postgresql+psycopg://u@h/n"),
        (" sqlite:////tmp/a.db\n", "sqlite", "sqlite:////tmp/a.db"),
    ],
)
def test_the_usual_forms_of_an_address_are_understood(url: str, driver: str, shown: str) -> None:
    parsed = parse_url(url)
    assert parsed.drivername == driver
    assert parsed.render_as_string(hide_password=True) == shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "library.db",
        "mysql://u:secret@h/n",
        "postgresql+psycopg2://u:secret@h/n",
        "postgresql://u:secret@h:port/n",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:a?mode=memory&uri=true",
    ],
)
def test_an_address_that_cannot_work_is_explained_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_url(url)
    assert "DATABASE_URL" in caught.value.message
    assert "secret" not in repr(caught.value) and caught.value.__cause__ is None


def test_a_server_that_is_not_there_is_explained_without_its_password() -> None:
    database = Database("postgresql://u:s3cret@127.0.0.1:1/library")
    for action in (database.ping, database.upgrade, database.is_current):
        with pytest.raises(ConfigError) as caught:
            action()
        assert "cannot be opened" in caught.value.message
        assert "127.0.0.1" in caught.value.message and "s3cret" not in caught.value.message
    with pytest.raises(ConfigError), database.write() as session:
        session.execute(text("SELECT 1"))


def test_a_folder_in_the_place_of_the_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened"):
        Database(f"sqlite:///{tmp_path}").ping()


def test_a_file_in_the_place_of_the_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match="folder"):
        Database(f"sqlite:///{tmp_path / 'data' / 'library.db'}")


def test_sqlite_is_set_up_for_several_processes(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.session() as session:
        pragmas = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "busy_timeout": 30_000, "foreign_keys": 1, "synchronous": 1}


@pytest.mark.parametrize("kind", ["session", "write"])
def test_a_block_that_ends_well_is_kept_and_one_that_raises_leaves_nothing(database: Database, kind: str) -> None:
    opened = getattr(database, kind)
    with opened() as session:
        session.add(Person(name="kept"))
    with pytest.raises(RuntimeError), opened() as session:
        session.add(Person(name="lost"))
        session.flush()
        raise RuntimeError
    with database.session() as session:
        assert session.scalars(select(Person.name)).all() == ["kept"]


def test_objects_stay_readable_after_the_block(database: Database) -> None:
    with database.write() as session:
        person = Person(name="Ada")
        session.add(person)
    assert person.name == "Ada" and person.id > 0 and person.created_at.tzinfo is not None


def test_foreign_keys_are_enforced(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(Job(id="1", kind="cluster", video_id=12345))


def test_a_failed_savepoint_leaves_the_rest_of_the_block(database: Database) -> None:
    with database.write() as session:
        make_video(session, sha256="a" * 64)
        with pytest.raises(IntegrityError), session.begin_nested():
            make_video(session, sha256="a" * 64)
        make_video(session, sha256="b" * 64)
    with database.session() as session:
        assert session.scalars(select(Video.sha256).order_by(Video.id)).all() == ["a" * 64, "b" * 64]


def test_on_sqlite_what_a_writer_has_read_stays_true_until_it_writes(sqlite_url: str) -> None:
    """Twenty times two threads read a number and write the next one: none may be lost."""
    database = Database(sqlite_url)
    database.upgrade()
    with database.write() as session:
        video = make_video(session)

    def count() -> None:
        for _ in range(20):
            with database.write() as session:
                row = session.get_one(Video, video.id)
                row.frames_sampled += 1

    run_threads(count, 2)
    with database.session() as session:
        assert session.get_one(Video, video.id).frames_sampled == 40


def test_a_reader_sees_one_moment_while_others_write(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    database.upgrade()
    with database.session() as reader:
        before = reader.scalar(text("SELECT count(*) FROM person"))
        with database.write() as writer:
            writer.add(Person())
        assert reader.scalar(text("SELECT count(*) FROM person")) == before == 0


WRITER = """
import sys
from app.models import Person
from app.storage.database import Database
database = Database(sys.argv[1])
for number in range(150):
    with database.write() as session:
        session.add(Person(name=sys.argv[2]))
    with database.session() as session:
        session.get(Person, number)
"""


def test_processes_that_write_all_the_time_wait_for_each_other(database: Database, database_url: str) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, database_url, name], stderr=subprocess.PIPE, cwd=Path.cwd())
        for name in ("one", "two", "three")
    ]
    errors = [writer.communicate(timeout=120)[1].decode() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], errors
    with database.session() as session:
        assert session.scalar(text("SELECT count(*) FROM person")) == 450


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_opens_connections_of_its_own(database: Database) -> None:
    with database.write() as session:
        session.add(Person(name="parent"))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with database.write() as session:
                session.add(Person(name="child"))
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    with database.session() as session:
        assert session.scalars(select(Person.name).order_by(Person.id)).all() == ["parent", "child"]


def test_many_processes_may_upgrade_at_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(6)]
    assert not databases[0].is_current()
    done: list[bool] = []
    run_threads(lambda: done.append(databases.pop().upgrade()), 6)
    assert sorted(done) == [False] * 5 + [True]
    assert Database(database_url).is_current()


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match=r"newer version .* 9999.*Update the program"):
        database.upgrade()
    assert not database.is_current()


def test_an_upgrade_that_fails_leaves_nothing_half_done(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(database_url)

    def broken(_connection: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(migrate, "_check_references", broken)
    with pytest.raises(RuntimeError):
        database.upgrade()
    monkeypatch.undo()
    with database.session() as session:
        session.execute(text("SELECT 1"))
    assert not database.is_current()
    assert database.upgrade()


def run_threads(target: object, number: int) -> None:
    errors: list[Exception] = []

    def guarded() -> None:
        try:
            target()  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001 - told to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
