"""Questions about batches and queues."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from app.domain import JobState, QueueName
from app.models import Batch, Job, Queue
from app.storage.views.jobs import IS_WHOLE, all_states
from app.storage.views.shapes import BatchRow

_FINAL = tuple(state for state in JobState if state.is_final)


def counts_of(session: Session, batch_id: str) -> dict[JobState, int]:
    """How many jobs of a batch are in each state."""
    query = select(Job.state, func.count()).where(Job.batch_id == batch_id, IS_WHOLE).group_by(Job.state)
    return all_states(session.execute(query))


def batch(session: Session, batch_id: str) -> BatchRow | None:
    """A batch with its sums, or ``None``."""
    found = session.get(Batch, batch_id)
    return None if found is None else _with_sums(session, [found])[0]


def batches(
    session: Session, size: int, after: tuple[datetime, str] | None = None, *, only_open: bool = False
) -> list[BatchRow]:
    """The next batches, youngest first.

    Args:
        session: The session.
        size: At most how many.
        after: Moment and id of the last batch of the piece before.
        only_open: Only those of which a job has not ended.
    """
    query = _youngest(size, only_open=only_open)
    if after is not None:
        moment, batch_id = after
        same = and_(Batch.created_at == moment, Batch.id < batch_id)
        query = query.where(Batch.created_at <= moment, or_(Batch.created_at < moment, same))
    return _with_sums(session, session.scalars(query).all())


def latest(session: Session, most_open: int, most_ended: int) -> list[BatchRow]:
    """The youngest batches of which a job has not ended, then the youngest of the others."""
    open_ones = session.scalars(_youngest(most_open, only_open=True)).all()
    youngest = session.scalars(_youngest(most_open + most_ended)).all()
    known = {row.id for row in open_ones}
    shown = _with_sums(
        session, [*open_ones, *(row for row in youngest if row.id not in known)][: most_open + most_ended]
    )
    return [row for row in shown if row.open] + [row for row in shown if not row.open][:most_ended]


def titles(session: Session, batch_ids: Sequence[str]) -> dict[str, str]:
    """Titles of batches."""
    query = select(Batch.id, Batch.title).where(Batch.id.in_(batch_ids))
    return dict(session.execute(query).all())


def queue_settings(session: Session) -> dict[QueueName, Queue]:
    """What people set for queues; those they left alone are missing."""
    return {QueueName(row.name): row for row in session.scalars(select(Queue))}


def queue_counts(session: Session) -> dict[QueueName, dict[JobState, int]]:
    """How many jobs run and wait in each queue, parts of jobs included: they are what workers take."""
    found = {name: {JobState.RUNNING: 0, JobState.QUEUED: 0} for name in QueueName}
    # a job whose parts are being worked on runs, but has no worker of its own
    at_work = (Job.state == JobState.RUNNING, Job.lease_token.is_not(None))
    for state, which in ((JobState.RUNNING, at_work), (JobState.QUEUED, (Job.state == JobState.QUEUED,))):
        for queue, number in session.execute(select(Job.queue, func.count()).where(*which).group_by(Job.queue)):
            found[QueueName(queue)][state] = number
    return found


def _youngest(size: int, *, only_open: bool = False) -> Select[Batch]:
    query = select(Batch).order_by(Batch.created_at.desc(), Batch.id.desc()).limit(size)
    if not only_open:
        return query
    not_ended = (Job.batch_id == Batch.id, Job.state.not_in(_FINAL), IS_WHOLE)
    return query.where(select(Job.id).where(*not_ended).exists())


def _with_sums(session: Session, found: Sequence[Batch]) -> list[BatchRow]:
    ids = [row.id for row in found]
    share = case((Job.state.in_(_FINAL), 1.0), (Job.total > 0, func.min(Job.done / Job.total, 1.0)), else_=0.0)
    if session.get_bind().dialect.name == "postgresql":
        share = case((Job.state.in_(_FINAL), 1.0), (Job.total > 0, func.least(Job.done / Job.total, 1.0)), else_=0.0)
    sums = (func.count(), func.sum(share), func.sum(Job.faces_found), func.max(Job.updated_at))
    query = select(Job.batch_id, Job.state, *sums).where(Job.batch_id.in_(ids), IS_WHOLE)
    by_batch: dict[str, list[Any]] = {batch_id: [] for batch_id in ids}
    for row in session.execute(query.group_by(Job.batch_id, Job.state)).all():
        by_batch[row[0]].append(row)
    return [_batch_row(row, by_batch[row.id]) for row in found]


def _batch_row(batch: Batch, sums: Sequence[Any]) -> BatchRow:
    counts = all_states((row[1], row[2]) for row in sums)
    total = sum(counts.values())
    return BatchRow(
        id=batch.id,
        title=batch.title,
        counts=counts,
        progress=sum(row[3] for row in sums) / total if total else 0.0,
        faces_found=sum(row[4] or 0 for row in sums),
        created_at=batch.created_at,
        updated_at=max([batch.created_at, *(row[5] for row in sums)]),
    )
