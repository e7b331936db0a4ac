"""Brings a database to the tables that this version of the program needs, by Alembic."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text

from app.errors import ConfigError

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
UPGRADE_LOCK = 0x0FAAAAACE5  # any number that nothing else on the server uses as an advisory lock


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, made in code: there is no ``alembic.ini`` that could point at another database."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head_revision() -> str:
    """Revision that this version of the program needs."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise ConfigError(f"The folder {MIGRATIONS.name}/ with the database migrations is missing or empty.")
    return head


def current_revision(connection: Connection) -> str | None:
    """Revision of a database; ``None`` for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine) -> bool:
    """Brings the database to :func:`head_revision`; safe when several processes start at once.

    Args:
        engine: Engine whose transactions may change tables; foreign keys must not be enforced by it on SQLite,
            where changing a table means to copy and drop it.

    Returns:
        True when something had to be done.

    Raises:
        ConfigError: The database was made by a newer version of this program.
    """
    head = head_revision()
    with _locked(engine) as connection:
        current = current_revision(connection)
        if current == head:
            return False
        _refuse_newer(current)
        command.upgrade(alembic_config(connection), "head")
        _check_references(connection)
    return True


def downgrade(engine: Engine, revision: str) -> None:
    """Takes the database back to an older revision; ``base`` empties it."""
    with _locked(engine) as connection:
        command.downgrade(alembic_config(connection), revision)
        _check_references(connection)


@contextlib.contextmanager
def _locked(engine: Engine) -> Iterator[Connection]:
    # On SQLite the engine's transactions begin with the write lock already taken; Postgres needs an own lock,
    # because two CREATE TABLE of one name do not wait for each other, one of them fails.
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        yield connection


def _refuse_newer(current: str | None) -> None:
    if current is None:
        return
    try:
        ScriptDirectory.from_config(alembic_config()).get_revision(current)
    except CommandError as error:
        raise ConfigError(
            f"The database was made by a newer version of this program (its revision is {current}). "
            "Update the program, or point DATABASE_URL at another database."
        ) from error


def _check_references(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and connection.execute(text("PRAGMA foreign_key_check")).first():
        raise ConfigError("The migration was taken back: it would leave rows that point to nothing. Please report it.")
