"""New jobs, and where to find those that are there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import JobKind, JobState, QueueName
from app.errors import ConflictError
from app.models import Job, utc_now
from app.storage.jobs.rows import new_id
from app.storage.rows import batches

QUEUE_OF = {
    JobKind.FETCH_VIDEO: QueueName.DOWNLOAD,
    JobKind.PROCESS_VIDEO: QueueName.VISION,
    JobKind.SEGMENT: QueueName.VISION,
    JobKind.CLUSTER: QueueName.CLUSTER,
    JobKind.EXPORT: QueueName.EXPORT,
}


class NewJob(TypedDict, total=False):
    """What makes one of many jobs that are filed together."""

    video_id: int | None
    params: dict[str, Any]


def add(
    session: Session,
    kind: JobKind,
    *,
    video_id: int | None = None,
    batch_id: str | None = None,
    params: dict[str, Any] | None = None,
    priority: int = 0,
    queue: QueueName | None = None,
) -> Job:
    """Files a job; it waits until somebody claims it. Wake its queue after the commit.

    Args:
        session: A writing session.
        kind: What it does.
        video_id: The video it works on, if any.
        batch_id: Jobs that were handed in together.
        params: What was asked for, such as ``interval``.
        priority: Larger first; 10 where a person waits, 0 for one of many.
        queue: Where it waits; by its kind where ``None``.
    """
    job = Job(
        id=new_id(),
        kind=kind,
        queue=queue or QUEUE_OF[kind],
        video_id=video_id,
        batch_id=batch_id,
        priority=priority,
        params=params or {},
    )
    session.add(job)
    session.flush()
    return job


def add_many(
    session: Session,
    kind: JobKind,
    items: Sequence[NewJob],
    *,
    batch_id: str | None = None,
    priority: int = 0,
    queue: QueueName | None = None,
) -> list[str]:
    """Files many jobs by one statement; they are served in this order.

    Returns:
        Their ids, in order.
    """
    now = utc_now()
    shared = {"kind": kind, "queue": queue or QUEUE_OF[kind], "batch_id": batch_id, "priority": priority}
    rows = [
        {
            "id": new_id(),
            "video_id": item.get("video_id"),
            "params": item.get("params", {}),
            "created_at": now + timedelta(microseconds=number),
            **shared,
        }
        for number, item in enumerate(items)
    ]
    for part in batches(rows, 1000):
        session.execute(insert(Job), part)
    return [str(row["id"]) for row in rows]


def get_or_add_cluster_job(session: Session, params: dict[str, Any] | None = None) -> tuple[Job, bool]:
    """The one grouping that waits, filed now if there is none; safe when several ask at once.

    A grouping that already runs does not count: it may have missed what came since it began.

    Returns:
        The job, and True when it is new and its queue must be woken.
    """
    waits = select(Job).where(Job.kind == JobKind.CLUSTER, Job.state == JobState.QUEUED)
    for _ in range(3):
        job = session.scalar(waits)
        if job is not None:
            return job, False
        try:
            with session.begin_nested():
                return add(session, JobKind.CLUSTER, params=params), True
        except IntegrityError:
            continue  # another process filed it between the two statements
    raise ConflictError("The grouping could not be filed: others are started and taken all the time. Try again.")


def waiting(session: Session, *, before: datetime | None = None) -> list[str]:
    """Ids of the jobs that wait, oldest first; with ``before``, of those that nobody touched since then."""
    query = select(Job.id).where(Job.state == JobState.QUEUED).order_by(Job.created_at, Job.id)
    return list(session.scalars(query if before is None else query.where(Job.updated_at < before)))


def last_grouping(session: Session) -> datetime | None:
    """When the last grouping that succeeded began, or ``None``."""
    done = (Job.kind == JobKind.CLUSTER, Job.state == JobState.SUCCEEDED)
    return session.scalar(select(func.max(Job.started_at)).where(*done))


def latest_for_video(session: Session, video_id: int) -> Job | None:
    """The youngest job of a video; not one of its segments."""
    whole = (Job.video_id == video_id, Job.parent_id.is_(None))
    return session.scalar(select(Job).where(*whole).order_by(Job.created_at.desc(), Job.id).limit(1))
