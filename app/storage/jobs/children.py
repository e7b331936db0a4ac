"""Segments: children of a job that several workers take in parallel.

The parent stays ``running`` without a lease while its children are at work. The last child that ends well lets it wait
again, a little more urgent than before, to join what they found.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import exists, func, insert, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import ColumnElement

from app.domain import JobKind, JobState, QueueName
from app.models import Job, utc_now
from app.storage.jobs.rows import FREE, UNFINISHED, change, change_many, fenced, new_id, serialize_control

_Child = aliased(Job)


def add_children(
    session: Session, parent: Job, token: str, params: Sequence[dict[str, Any]], totals: Sequence[float | None]
) -> list[str]:
    """Cuts a running job into segments, and lets go of it until the last of them has ended.

    Args:
        session: A writing session.
        parent: The job that is cut.
        token: The token of the attempt that owns it.
        params: What each segment has to do.
        totals: Units of work of each, where known.

    Returns:
        Ids of the new jobs, in order; wake their queue after the commit.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobPausedError: A person paused the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    known = [total for total in totals if total is not None]
    whole = sum(known) if len(known) == len(totals) else None
    fenced(session, parent.id, token, step="looking", done=0.0, total=whole, interruptions=0, failures=0, **FREE)
    shared: dict[str, Any] = {
        "kind": JobKind.SEGMENT,
        "queue": QueueName.VISION,
        "parent_id": parent.id,
        "video_id": parent.video_id,
        "batch_id": parent.batch_id,
        "priority": parent.priority,
    }
    rows = [
        {
            "id": new_id(),
            "params": each,
            "total": total,
            # The turn of this video came long ago: newer ones do not push in between.
            "created_at": parent.created_at + timedelta(microseconds=number),
            **shared,
        }
        for number, (each, total) in enumerate(zip(params, totals, strict=True))
    ]
    session.execute(insert(Job), rows)
    return [str(row["id"]) for row in rows]


def children_of(session: Session, parent_id: str) -> list[Job]:
    """The segments of a job, fresh from the database."""
    query = select(Job).where(Job.parent_id == parent_id).order_by(Job.created_at, Job.id)
    return list(session.scalars(query, execution_options={"populate_existing": True}))


def has_unfinished_children() -> ColumnElement[bool]:
    """The condition that a job waits for segments."""
    return exists().where(_Child.parent_id == Job.id, _Child.state.in_(UNFINISHED)).correlate(Job)


def refresh_parent(session: Session, parent_id: str) -> None:
    """Brings a parent's progress up to the sum of its children's."""
    at_work = func.sum(Job.speed).filter(Job.state == JobState.RUNNING)
    sums = select(func.sum(Job.done), func.sum(Job.faces_found), at_work).where(Job.parent_id == parent_id)
    done, faces, speed = session.execute(sums).one()
    total = session.scalar(select(Job.total).where(Job.id == parent_id))
    left = max(total - done, 0.0) / speed if speed and total is not None else None
    waits = (Job.id == parent_id, Job.state == JobState.RUNNING, Job.lease_token.is_(None))
    change(session, *waits, done=done or 0.0, faces_found=faces or 0, speed=speed, seconds_left=left)


def child_succeeded(session: Session, parent_id: str) -> None:
    """Counts what an ended child did; after the last one the parent waits for a worker again."""
    refresh_parent(session, parent_id)
    session.flush()
    go_on(session, parent_id)


def go_on(session: Session, parent_id: str) -> bool:
    """Lets a parent wait for a worker again if all of its children have ended well; False where they have not."""
    waits = (Job.id == parent_id, Job.state == JobState.RUNNING, Job.lease_token.is_(None))
    again: dict[str, Any] = {"priority": Job.priority + 1, "speed": None, "seconds_left": None}
    return change(session, *waits, ~has_unfinished_children(), state=JobState.QUEUED, **again)


def child_failed(session: Session, parent_id: str, code: str, message: str) -> None:
    """Fails the whole because one of its segments failed, and stops the others."""
    siblings = (Job.parent_id == parent_id, Job.state.in_(UNFINISHED))
    ended: dict[str, Any] = {"finished_at": utc_now(), "speed": None, "seconds_left": None, **FREE}
    change_many(session, *siblings, state=JobState.CANCELLED, **ended)
    waits = (Job.id == parent_id, Job.state.in_(UNFINISHED))
    change(session, *waits, state=JobState.FAILED, error_code=code, error=message, **ended)


def family_of(session: Session, job_id: str) -> str:
    """The job that people see: the parent of a segment, else the job itself. Locks out other changes to families."""
    serialize_control(session)
    return session.scalar(select(Job.parent_id).where(Job.id == job_id)) or job_id
