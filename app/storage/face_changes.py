"""The log of what came, changed or went among the faces; triggers of the database write it, search indexes read it.

Nothing that is committed can be missed. On SQLite, which has one writer, rows are numbered in the order of commits. On
Postgres a transaction may commit after others that took later numbers; there each row bears the id of its transaction,
and a reader begins again at the oldest one that was still open when it read last.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.models import FaceChange
from app.storage.rows import run

FOUNDING = 1  # id of the row that is no change
KEPT = 500_000


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has read.

    Attributes:
        server: Which server numbers the transactions; empty on SQLite.
        since: The reader knows every change before this one: a row's id on SQLite, a transaction's on Postgres.
        last_id: The newest row that it has seen.
        last_mark: That row's mark.
    """

    server: str
    since: int
    last_id: int
    last_mark: int


def place(session: Session) -> Place:
    """The present end of the log. What is read of the faces after this call is at least as new."""
    since = _open_since(session)
    newest = select(FaceChange.id, FaceChange.mark).order_by(FaceChange.id.desc()).limit(1)
    last_id, last_mark = session.execute(newest).one()
    return Place(_server(session), last_id + 1 if since is None else since, last_id, last_mark)


def is_known(session: Session, where: Place) -> bool:
    """Whether the log goes on from a place; not so when it was pruned past it, or is another one, as after a restore."""
    rows = select(FaceChange.id, FaceChange.mark, FaceChange.stamp).where(FaceChange.id.in_((FOUNDING, where.last_id)))
    found = {number: (mark, stamp) for number, mark, stamp in session.execute(rows)}
    if where.last_id not in found or found[where.last_id][0] != where.last_mark or where.server != _server(session):
        return False
    return found[FOUNDING][1] < where.since


def since(session: Session, where: Place) -> dict[int, int]:
    """Changes from a place on, some of which the reader may have seen.

    Returns:
        Id of the face by id of the change.
    """
    key = FaceChange.stamp if _is_postgres(session) else FaceChange.id
    query = select(FaceChange.id, FaceChange.face_id).where(key >= where.since, FaceChange.id != FOUNDING)
    return dict(session.execute(query).all())


def prune(session: Session, kept: int = KEPT) -> int:
    """Forgets all but the newest changes; readers that are further back read the library anew.

    Args:
        session: A writing session.
        kept: How many stay.

    Returns:
        How many went.
    """
    newest = session.scalar(select(func.max(FaceChange.id))) or 0
    old = (FaceChange.id <= newest - kept, FaceChange.id != FOUNDING)
    last = session.scalar(select(func.max(FaceChange.stamp if _is_postgres(session) else FaceChange.id)).where(*old))
    if last is None:
        return 0
    run(session, update(FaceChange).where(FaceChange.id == FOUNDING).values(stamp=last))
    return run(session, delete_rows(FaceChange).where(*old))


def _is_postgres(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _open_since(session: Session) -> int | None:
    """The oldest transaction that may still commit; ``None`` on SQLite."""
    if not _is_postgres(session):
        return None
    return int(session.execute(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")).scalar_one())


def _server(session: Session) -> str:
    """Names the server and its database: after a move to another one, transactions are numbered anew."""
    if not _is_postgres(session):
        return ""
    query = "SELECT system_identifier::text || '/' || (SELECT oid::text FROM pg_database WHERE datname = current_database())"
    return str(session.execute(text(f"{query} FROM pg_control_system()")).scalar_one())
