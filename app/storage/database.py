"""The one way to the database: engine, sessions, upgrade. SQLite and Postgres behave alike from here on."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session

from app.errors import ConfigError, DatabaseAwayError, DiskFullError
from app.storage import migrate

BUSY_MILLISECONDS = 30_000
CONNECT_SECONDS = 10


class Database:
    """A library's database.

    Args:
        url: ``sqlite:////folder/file.db`` or ``postgresql://user:password@host/name``. The folder of a SQLite file is
            made where it is missing; nothing is connected yet.

    Attributes:
        before_commit: Called at the end of every writing transaction that did not fail, still within it.
        label: The address without its password, fit for logs.

    Raises:
        ConfigError: The address is malformed or of a database that is not supported.
    """

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self.before_commit: Callable[[Session], None] | None = None
        self.label = self._url.render_as_string(hide_password=True)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            _make_folder(self._url)
        self._engine = _make_engine(self._url)
        self._writing = self._engine.execution_options(begin="IMMEDIATE") if self.is_sqlite else self._engine
        self._process = os.getpid()

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine for reading."""
        self._own()
        return self._engine

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """A session for reading; commits when the block ends, takes everything back when it raises.

        Objects stay readable after the block. To write, use :meth:`write`: on SQLite a transaction that reads
        first and writes later fails at once when another process wrote in between.
        """
        with self._translated(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A session for writing. On SQLite it waits for the write lock first, so what it reads stays true.

        Keep the block short: no decoding, no model, no network inside it.
        """
        self._own()
        with self._translated(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            session.connection()  # begins the transaction now, and with it the lock
            yield session
            if self.before_commit is not None:
                self.before_commit(session)

    def ping(self) -> None:
        """Asks the database for a sign of life.

        Raises:
            ConfigError: It cannot be reached.
        """
        with self._translated(), self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def is_current(self) -> bool:
        """True when the tables are those that this version of the program needs."""
        with self._translated(), self.engine.connect() as connection:
            return migrate.current_revision(connection) == migrate.head_revision()

    def upgrade(self) -> bool:
        """Makes or mends the tables; safe when several processes start at once.

        Returns:
            True when something had to be done.

        Raises:
            ConfigError: The database cannot be reached, or was made by a newer version of this program.
        """
        with self._migration_engine() as engine:
            return migrate.upgrade(engine)

    def downgrade(self, revision: str) -> None:
        """Takes the tables back to an older revision; ``base`` removes them with all that is in them."""
        with self._migration_engine() as engine:
            migrate.downgrade(engine, revision)

    def dispose(self) -> None:
        """Closes all connections."""
        self.engine.dispose()

    @contextlib.contextmanager
    def _migration_engine(self) -> Iterator[Engine]:
        # One connection of its own: foreign keys are off on it, because SQLite changes a table by copying and
        # dropping it, and a drop with foreign keys on would delete the rows that refer to it.
        engine = _make_engine(self._url, foreign_keys=False, poolclass=NullPool)
        try:
            with self._translated():
                yield engine.execution_options(begin="IMMEDIATE")
        finally:
            engine.dispose()

    def _own(self) -> None:
        """Forgets connections that a parent process opened: a forked child must neither use nor close them.

        That happens when the child asks for one, not in the fork itself: what other threads of the parent held at that
        moment is locked for ever in the child, also if it never asks.
        """
        if self._process != os.getpid():
            self._engine.dispose(close=False)
            self._process = os.getpid()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_FULL":
                raise DiskFullError from error
            # Only "no connection" becomes our own error: a statement means that there was one.
            if error.statement is not None:
                raise
            reason = _without_password(str(error.orig).strip().splitlines()[0], self._url)
            raise DatabaseAwayError(f"The database {self.label} cannot be opened: {reason}") from error


def parse_url(url: str) -> URL:
    """Reads a database address; the short Postgres forms that hosts hand out are understood.

    Raises:
        ConfigError: The address is malformed or of a database that is not supported; its password is not repeated.
    """
    hint = "Use sqlite:////folder/file.db or postgresql://user:password@host:5432/name."
    try:
        parsed = make_url(url.strip())
    except (ArgumentError, ValueError):
        # Without its cause: the cause repeats the address, and the address may hold a password.
        raise ConfigError(f"DATABASE_URL is not the address of a database. {hint}") from None
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigError(f"DATABASE_URL names {parsed.drivername}, which is not supported. {hint}")
    if parsed.database in (None, "", ":memory:") or str(parsed.database).startswith("file:"):
        raise ConfigError(f"DATABASE_URL must name a file: processes share the database through it. {hint}")
    return parsed


def _make_engine(url: URL, *, foreign_keys: bool = True, **options: Any) -> Engine:
    if url.get_backend_name() != "sqlite":
        arguments = {"connect_timeout": CONNECT_SECONDS, **options.pop("connect_args", {})}
        return create_engine(url, pool_pre_ping=True, connect_args=arguments, **options)
    engine = create_engine(url, connect_args={"timeout": BUSY_MILLISECONDS / 1000}, **options)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # Python's own idea of when to begin a transaction is switched off; _on_begin does it.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")

    return engine


def _use_wal(connection: Any) -> None:
    # SQLite does not wait for the lock when it changes the journal of a new file, so waiting is done here.
    deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return  # a file system that cannot do WAL answers with another mode, and that works too
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _make_folder(url: URL) -> None:
    folder = Path(str(url.database)).expanduser().resolve().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The folder of the database cannot be made: {error.strerror}.") from error


def _without_password(message: str, url: URL) -> str:
    return message.replace(str(url.password), "***") if url.password else message
