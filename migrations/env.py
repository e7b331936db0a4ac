"""Runs migrations over the connection that app.storage.migrate hands in."""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator

from app.models import Base


def plain_type(kind: str, item: Any, _context: AutogenContext) -> str | bool:
    """Writes what a column is in the database: a migration must not change its meaning with the models."""
    return f"sa.{item.impl!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Migrations are run by the program itself: `python run.py`, or Database(url).upgrade() in Python.")

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot change a column in place
    transactional_ddl=True,  # SQLite can take DDL back too, once Python's own transactions are out of the way
    compare_type=True,
    render_item=plain_type,
)
with context.begin_transaction():
    context.run_migrations()
