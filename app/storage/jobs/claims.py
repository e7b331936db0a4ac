"""Whose turn it is: taking waiting jobs, so that of many workers that try one gets each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from app.domain import JobState, QueueName
from app.models import Job, utc_now
from app.storage.jobs.queues import has_room, is_at_work, is_ready
from app.storage.jobs.rows import change, get, new_id, serialize_claims


def claim(
    session: Session, job_id: str, owner: str, lease_seconds: float, *, now: datetime | None = None
) -> str | None:
    """Takes one certain job that waits, whatever its queue says; of many that try, one wins.

    Args:
        session: A writing session.
        job_id: The job.
        owner: The process that will work on it, as host:pid:start.
        lease_seconds: How long the claim holds without a heartbeat.
        now: The present moment, for tests.

    Returns:
        The token that fences all later writes, or ``None`` when there is nothing to take.
    """
    now = now or utc_now()
    token = new_id()
    won = change(
        session,
        Job.id == job_id,
        Job.state == JobState.QUEUED,
        state=JobState.RUNNING,
        lease_token=token,
        lease_owner=owner,
        lease_expires_at=now + timedelta(seconds=lease_seconds),
        attempts=Job.attempts + 1,
        started_at=func.coalesce(Job.started_at, now),
        claimed_at=now,
        not_before=None,
        error=None,
        error_code=None,
        updated_at=now,
    )
    return token if won else None


def claim_next(
    session: Session,
    queue: QueueName,
    owner: str,
    lease_seconds: float,
    *,
    limit: int | None = None,
    now: datetime | None = None,
) -> Job | None:
    """Takes the job of a queue whose turn it is, if one may begin.

    Turns go by priority; then to the batch of which fewest jobs run; then to the one that has not been served for the
    longest time. A job without a batch is a batch of its own.

    Args:
        session: A writing session.
        queue: The queue.
        owner: The process that will work on it, as host:pid:start.
        lease_seconds: How long the claim holds without a heartbeat.
        limit: How many jobs of the queue may run at once where a person set nothing; ``None``: any number.
        now: The present moment, for tests.

    Returns:
        The job, whose ``lease_token`` fences all later writes; ``None`` where nothing waits, the queue is paused or
        full, or all that wait have to wait longer.
    """
    now = now or utc_now()
    serialize_claims(session, queue)
    if not has_room(session, queue, limit):
        return None
    while (job_id := _next(session, queue, now)) is not None:
        if claim(session, job_id, owner, lease_seconds, now=now):
            return get(session, job_id)  # else a person stopped it in between
    return None


def _next(session: Session, queue: QueueName, now: datetime) -> str | None:
    ready = is_ready(queue, now)
    priority = session.scalar(select(Job.priority).where(*ready).order_by(Job.priority.desc()).limit(1))
    if priority is None:
        return None
    ready = (*ready, Job.priority == priority)
    for batch in _turns(session, queue, priority, ready):
        oldest = select(Job.id).where(*ready, Job.batch_id == batch).order_by(Job.created_at).limit(1)
        found = session.scalar(oldest)
        if found is not None:
            return found
    return None


def _turns(
    session: Session, queue: QueueName, priority: int, ready: tuple[ColumnElement[bool], ...]
) -> Iterator[str | None]:
    """Ids of the batches that have jobs of this priority, in the order of their turns; ``None`` for a job alone."""
    running = select(Job.batch_id, func.count()).where(*is_at_work(queue)).group_by(Job.batch_id)
    at_work = {batch: count for batch, count in session.execute(running) if batch is not None}
    turns: list[tuple[int, datetime, str | None]] = [
        (at_work.get(batch, 0), since, batch) for batch, since in _batches(session, queue, priority)
    ]
    alone = session.scalar(
        select(Job.created_at).where(*ready, Job.batch_id.is_(None)).order_by(Job.created_at).limit(1)
    )
    if alone is not None:
        turns.append((0, alone, None))
    yield from (batch for _, _, batch in sorted(turns, key=lambda turn: turn[:2]))


def _batches(session: Session, queue: QueueName, priority: int) -> Iterator[tuple[str, datetime]]:
    """Batches with waiting jobs of a priority, and since when each has not been served.

    The index is jumped through from batch to batch; thousands of waiting jobs of one batch cost no more than one.
    """
    waits = (Job.queue == queue, Job.state == JobState.QUEUED, Job.priority == priority)
    first = select(func.min(Job.batch_id).label("id")).where(*waits, Job.batch_id.is_not(None))
    found = first.cte("found", recursive=True)
    following = select(func.min(Job.batch_id)).where(*waits, Job.batch_id > found.c.id).correlate(found)
    found = found.union_all(select(following.scalar_subquery()).where(found.c.id.is_not(None)))
    served = select(func.max(Job.claimed_at)).where(Job.queue == queue, Job.batch_id == found.c.id)
    filed = select(func.min(Job.created_at)).where(*waits, Job.batch_id == found.c.id)
    columns = found.c.id, served.correlate(found).scalar_subquery(), filed.correlate(found).scalar_subquery()
    for batch, served_at, filed_at in session.execute(select(*columns).where(found.c.id.is_not(None))):
        yield batch, served_at or filed_at
