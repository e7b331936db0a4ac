"""Queues: what a person set for them, and whether there is work to take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app.domain import JobState, QueueName
from app.models import Job, Queue, utc_now

RETRY_SECONDS = (30.0, 120.0, 600.0)  # after the first, second and third failure that may pass; then it is final


@dataclass(frozen=True, slots=True)
class QueueSetting:
    """What a person set for a queue.

    Attributes:
        paused: Whether no job of it is begun.
        concurrency: Jobs at once; ``None`` where it is as in the settings.
    """

    paused: bool = False
    concurrency: int | None = None


def setting(session: Session, queue: QueueName) -> QueueSetting:
    """What a person set for one queue."""
    row = session.get(Queue, queue, populate_existing=True)
    return QueueSetting() if row is None else QueueSetting(row.paused, row.concurrency)


def settings(session: Session) -> dict[QueueName, QueueSetting]:
    """What a person set, for every queue."""
    found = {row.name: QueueSetting(row.paused, row.concurrency) for row in session.scalars(select(Queue))}
    return {name: found.get(name, QueueSetting()) for name in QueueName}


def set_paused(session: Session, queue: QueueName, paused: bool) -> None:
    """Lets no job of the queue begin, or lets them begin again; those that run go on."""
    _row(session, queue).paused = paused


def set_concurrency(session: Session, queue: QueueName, concurrency: int | None) -> None:
    """Sets how many of its jobs run at once; ``None``: as in the settings."""
    _row(session, queue).concurrency = concurrency


def is_ready(queue: QueueName, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The jobs of a queue that could begin now."""
    # no pause is so long; the clock was put back meanwhile
    waits_too_long = Job.not_before > now + timedelta(seconds=2 * RETRY_SECONDS[-1])
    waited = or_(Job.not_before.is_(None), Job.not_before <= now, waits_too_long)
    return Job.queue == queue, Job.state == JobState.QUEUED, waited


def is_at_work(queue: QueueName) -> tuple[ColumnElement[bool], ...]:
    """The jobs of a queue that occupy a worker; a job that only waits for its segments does not."""
    return Job.queue == queue, Job.state == JobState.RUNNING, Job.lease_token.is_not(None)


def has_room(session: Session, queue: QueueName, limit: int | None) -> bool:
    """Whether one more job of the queue may run.

    Args:
        session: A session.
        queue: The queue.
        limit: Jobs at once where a person set nothing; ``None``: as many as there are workers.
    """
    given = setting(session, queue)
    limit = limit if given.concurrency is None else given.concurrency
    if given.paused or limit is None:
        return not given.paused
    return (session.scalar(select(func.count(Job.id)).where(*is_at_work(queue))) or 0) < limit


def can_start(session: Session, queue: QueueName, *, limit: int | None = None, now: datetime | None = None) -> bool:
    """Whether a job of the queue could begin at this moment; cheap, however many wait."""
    ready = select(Job.id).where(*is_ready(queue, now or utc_now())).limit(1)
    return session.scalar(ready) is not None and has_room(session, queue, limit)


def _row(session: Session, queue: QueueName) -> Queue:
    row = session.get(Queue, queue)
    if row is None:
        row = Queue(name=queue, paused=False)
        session.add(row)
    return row
