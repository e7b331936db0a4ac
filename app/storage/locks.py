"""Locks by name: what must happen once at a time in the whole library, across processes and machines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.errors import JobLostError
from app.models import Lock, utc_now
from app.storage.jobs import new_id
from app.storage.rows import run


def acquire(
    session: Session,
    name: str,
    owner: str,
    seconds: float,
    *,
    is_lost: Callable[[str, str, str, datetime], bool] | None = None,
    now: datetime | None = None,
) -> str | None:
    """Takes a lock that is free, has expired, or whose holder is gone; of many that try, one wins.

    Args:
        session: A writing session; commit it before the work begins.
        name: What is locked.
        owner: The process that takes it, as host:pid:start.
        seconds: How long it holds without :func:`renew`.
        is_lost: Whether nobody will come back to a lease, from its name, token, owner and end. Where it is given it
            decides alone; the time of day, which may jump, does not.
        now: The present moment, for tests.

    Returns:
        The token for :func:`renew` and :func:`release`, or ``None`` when another one holds it.
    """
    now = now or utc_now()
    held = session.get(Lock, name, populate_existing=True)
    if held is not None and is_lost is not None:
        if not is_lost(name, held.token, held.owner, held.expires_at):
            return None
        run(session, delete(Lock).where(Lock.name == name, Lock.token == held.token))
        session.expunge(held)
    token = new_id()
    values = {"token": token, "owner": owner, "expires_at": now + timedelta(seconds=seconds)}
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(Lock).values(name=name, **values)
    statement = statement.on_conflict_do_update(index_elements=[Lock.name], set_=values, where=Lock.expires_at < now)
    won = session.scalar(statement.returning(Lock.token)) == token
    return token if won else None


def renew(session: Session, name: str, token: str, seconds: float, *, now: datetime | None = None) -> None:
    """Holds a lock for longer; called first in a transaction it also fences that transaction.

    Raises:
        JobLostError: Somebody else took the lock over.
    """
    expires_at = (now or utc_now()) + timedelta(seconds=seconds)
    mine = update(Lock).where(Lock.name == name, Lock.token == token)
    if not run(session, mine.values(expires_at=expires_at)):
        raise JobLostError("Another process took this work over.")


def release(session: Session, name: str, token: str) -> None:
    """Frees a lock; one that was lost already is fine."""
    run(session, delete(Lock).where(Lock.name == name, Lock.token == token))


def held(session: Session, prefix: str, *, now: datetime | None = None) -> list[Lock]:
    """Locks that are held at this moment and whose names begin with ``prefix``."""
    query = select(Lock).where(Lock.name.startswith(prefix, autoescape=True), Lock.expires_at >= (now or utc_now()))
    return list(session.scalars(query.order_by(Lock.name)))
