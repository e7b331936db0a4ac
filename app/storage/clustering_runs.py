"""Groupings of the library: filed, listed, waiting for a look."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, defer

from app.domain import RunState
from app.models import ClusteringRun, PersonEvent, PersonEventPerson, utc_now
from app.storage.rows import run

REMEMBERED = 100  # so many refused plans are looked at
QUIET = 50  # so many runs that changed nothing are kept


def add(session: Session, state: RunState, **values: Any) -> ClusteringRun:
    """Files a grouping."""
    row = ClusteringRun(state=state, ended_at=None if state is RunState.PREVIEW else utc_now(), **values)
    session.add(row)
    session.flush()
    return row


def get(session: Session, run_id: int) -> ClusteringRun | None:
    """The grouping, fresh from the database, or ``None``."""
    return session.get(ClusteringRun, run_id, populate_existing=True)


def newest(session: Session, *, limit: int, offset: int = 0) -> list[ClusteringRun]:
    """Groupings, newest first, without their plans."""
    query = select(ClusteringRun).options(defer(ClusteringRun.plan, raiseload=True))
    return list(session.scalars(query.order_by(ClusteringRun.id.desc()).limit(limit).offset(offset)))


def count(session: Session) -> int:
    """How many groupings are remembered."""
    return session.scalar(select(func.count()).select_from(ClusteringRun)) or 0


def waiting(session: Session) -> ClusteringRun | None:
    """The preview that waits for a look; there is one at most."""
    query = select(ClusteringRun).where(ClusteringRun.state == RunState.PREVIEW)
    return session.scalar(query.order_by(ClusteringRun.id.desc()).limit(1))


def supersede(session: Session) -> None:
    """Lets previews that wait give way to a newer grouping; nobody has refused them."""
    rows = session.scalars(select(ClusteringRun).where(ClusteringRun.state == RunState.PREVIEW)).all()
    for row in rows:
        row.state, row.ended_at, row.plan = RunState.DISCARDED, utc_now(), None
        row.summary = {**row.summary, "superseded": True}
    session.flush()


def refused_plans(session: Session) -> list[bytes]:
    """Plans that a user discarded, or took back after they were applied, newest first."""
    states = (RunState.DISCARDED, RunState.UNDONE)
    query = select(ClusteringRun.plan).where(ClusteringRun.state.in_(states), ClusteringRun.plan.is_not(None))
    found = session.scalars(query.order_by(ClusteringRun.id.desc()).limit(REMEMBERED))
    return [plan for plan in found if plan is not None]


def forget_quiet(session: Session) -> None:
    """Forgets old groupings that changed nothing."""
    quiet = (ClusteringRun.state == RunState.APPLIED, ClusteringRun.event_id.is_(None))
    query = select(ClusteringRun.id).where(*quiet).order_by(ClusteringRun.id.desc()).offset(QUIET).limit(1)
    last = session.scalar(query)
    if last is not None:
        run(session, delete(ClusteringRun).where(*quiet, ClusteringRun.id <= last))


def end(session: Session, run_id: int, state: RunState, **values: Any) -> bool:
    """Ends a preview.

    Returns:
        False where it was not waiting any more.
    """
    mine = update(ClusteringRun).where(ClusteringRun.id == run_id, ClusteringRun.state == RunState.PREVIEW)
    return bool(run(session, mine.values(state=state, ended_at=utc_now(), **values)))


def last_event(session: Session) -> int:
    """Number of the last event: what is decided now knows everything up to it."""
    return session.scalar(select(func.max(PersonEvent.id))) or 0


def events_since(session: Session, last: int) -> list[PersonEvent]:
    """Events after a certain one, oldest first."""
    return list(session.scalars(select(PersonEvent).where(PersonEvent.id > last).order_by(PersonEvent.id)))


def people_since(session: Session, last: int) -> set[int]:
    """Everybody about whom there was an event after a certain one."""
    query = select(PersonEventPerson.person_id).where(PersonEventPerson.event_id > last)
    return set(session.scalars(query.distinct()))
