"""Takes jobs from workers that are gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from app.domain import JobState
from app.models import Job
from app.storage.jobs import children
from app.storage.jobs.rows import FREE, change, leave_to_other, serialize_control, wait_again

MAX_INTERRUPTIONS = 5


class Lease(NamedTuple):
    """Who works on a job.

    Attributes:
        name: The job's id; it names the lease among others.
        token: The attempt.
        owner: Its process, as host:pid:start.
        expires_at: Moves on with every sign of life.
    """

    name: str
    token: str
    owner: str
    expires_at: datetime | None


def requeue_stale(
    session: Session, now: datetime, is_lost: Callable[[Lease], bool], *, max_interruptions: int = MAX_INTERRUPTIONS
) -> list[str]:
    """Takes running jobs from workers that are gone, and lets them wait again.

    A job that was interrupted ``max_interruptions`` times without getting on fails, so that one bad file cannot kill
    workers for ever.

    Args:
        session: A writing session.
        now: The present moment.
        is_lost: Whether the worker that holds a lease will not come back to it.
        max_interruptions: How often a job may be cut off since its last checkpoint.

    Returns:
        Ids of the jobs that wait again; wake their queues after the commit.
    """
    serialize_control(session)
    again = []
    for job in session.scalars(select(Job).where(Job.state == JobState.RUNNING).order_by(Job.created_at, Job.id)):
        if job.lease_token is None:
            if children.go_on(session, job.id):  # its last segment has ended; that lets it go on by itself, as a rule
                again.append(job.id)
        elif is_lost(Lease(job.id, job.lease_token, job.lease_owner or "", job.lease_expires_at)):
            if job.interruptions + 1 >= max_interruptions:
                _give_up(session, job, now)
            elif wait_again(session, *_still(job), interruptions=Job.interruptions + 1):
                again.append(job.id)
            else:
                leave_to_other(session, *_still(job))
    return again


def _still(job: Job) -> tuple[ColumnElement[bool], ...]:
    # The attempt that was looked at: a heartbeat in between does not save it, a new owner does.
    return Job.id == job.id, Job.lease_token == job.lease_token, Job.state == JobState.RUNNING


def _give_up(session: Session, job: Job, now: datetime) -> None:
    message = (
        f"The work was interrupted {job.interruptions + 1} times, so it was given up. "
        "Try again; if it stops again, this file may be too much for the machine's memory."
    )
    ending: dict[str, Any] = {"finished_at": now, "seconds_left": None, "interruptions": Job.interruptions + 1}
    failed = change(
        session, *_still(job), state=JobState.FAILED, error_code="interrupted", error=message, **ending, **FREE
    )
    if failed and job.parent_id is not None:
        children.child_failed(session, job.parent_id, "interrupted", message)
