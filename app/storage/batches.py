"""Batches: jobs that were handed in together."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import JobState
from app.models import Batch, Job
from app.storage.jobs import new_id
from app.storage.rows import batches

OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)
AT_ONCE = 1000  # values in one statement; SQLite takes 32766


def add(session: Session, title: str, *, params: dict[str, Any] | None = None, webhook_url: str | None = None) -> Batch:
    """Files a batch; its jobs name it by ``batch_id``.

    Args:
        session: A writing session.
        title: What people see, such as ``120 links``.
        params: What was asked for, such as ``interval``.
        webhook_url: An address that is told when the batch, or one of its jobs, has ended.
    """
    batch = Batch(id=new_id(), title=title[:500], params=params or {}, webhook_url=webhook_url)
    session.add(batch)
    session.flush()
    return batch


def ensure(session: Session, batch_id: str, title: str) -> None:
    """Files a batch whose id its sender chose, unless it is there.

    Args:
        session: A writing session.
        batch_id: Up to 32 characters.
        title: What people see, where it is new.
    """
    if session.get(Batch, batch_id) is None:
        # another one of the same batch may do this at the same moment
        with contextlib.suppress(IntegrityError), session.begin_nested():
            session.add(Batch(id=batch_id, title=title, params={}))


def get(session: Session, batch_id: str, *, lock: bool = False) -> Batch | None:
    """The batch, fresh from the database, or ``None``.

    Args:
        session: The session.
        batch_id: The batch.
        lock: Holds its row until the transaction ends, where the database locks rows.
    """
    return session.get(Batch, batch_id, populate_existing=True, with_for_update=lock or None)


def of_jobs(session: Session, job_ids: Sequence[str]) -> list[str]:
    """Ids of the batches that jobs belong to, in a fixed order."""
    found: set[str] = set()
    for part in batches(job_ids, AT_ONCE):
        some = Job.id.in_(part)
        found.update(session.scalars(select(Job.batch_id).where(some, Job.batch_id.is_not(None)).distinct()))
    return sorted(found)


def is_open(session: Session, batch_id: str) -> bool:
    """True while a job of the batch has not ended."""
    open_job = exists().where(Job.batch_id == batch_id, Job.state.in_(OPEN), Job.parent_id.is_(None))
    return bool(session.scalar(select(open_job)))
