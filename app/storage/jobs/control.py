"""What people do to jobs and batches: cancel, pause, resume, try again. Segments go with their parent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import case, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from app.domain import JobKind, JobState
from app.models import Job, utc_now
from app.storage.jobs.children import family_of, has_unfinished_children
from app.storage.jobs.rows import ACTIVE, FREE, UNFINISHED, change_many, serialize_control, wait_again

ENDED_BADLY = (JobState.FAILED, JobState.CANCELLED)
_STILL: dict[str, Any] = {"speed": None, "seconds_left": None}


def request_cancel(session: Session, job_id: str, *, now: datetime | None = None) -> bool:
    """Cancels a job at once. A worker that is on it learns it within a second and stops.

    Returns:
        False when the job had already ended or does not exist.
    """
    return bool(_cancel(session, Job.id == family_of(session, job_id), now=now))


def cancel_batch(session: Session, batch_id: str, *, now: datetime | None = None) -> list[str]:
    """Cancels all jobs of a batch that have not ended; returns their ids, segments aside."""
    serialize_control(session)
    return _cancel(session, Job.batch_id == batch_id, now=now)


def pause(session: Session, job_id: str) -> bool:
    """Lets a job rest where it stands. A worker that is on it learns it within a second and lets go.

    Returns:
        False when the job has ended, is paused already or does not exist.
    """
    return bool(_pause(session, Job.id == family_of(session, job_id)))


def pause_batch(session: Session, batch_id: str) -> list[str]:
    """Pauses all jobs of a batch that wait or run; returns their ids, segments aside."""
    serialize_control(session)
    return _pause(session, Job.batch_id == batch_id)


def resume(session: Session, job_id: str) -> bool:
    """Lets a paused job go on from its checkpoint. When True, wake its queue after the commit.

    Returns:
        False when the job is not paused, or is a grouping and another one waits.
    """
    return bool(_resume(session, Job.id == family_of(session, job_id)))


def resume_batch(session: Session, batch_id: str) -> list[str]:
    """Lets all paused jobs of a batch go on; returns their ids, segments aside."""
    serialize_control(session)
    return _resume(session, Job.batch_id == batch_id)


def retry(session: Session, job_id: str) -> bool:
    """Lets a failed or cancelled job wait again, from its checkpoint. When True, wake its queue after the commit.

    Returns:
        False when the job is not in such a state, or is a grouping and another one waits.
    """
    return bool(_retry(session, Job.id == family_of(session, job_id)))


def retry_batch(session: Session, batch_id: str) -> list[str]:
    """Lets all failed and cancelled jobs of a batch wait again; returns their ids, segments aside."""
    serialize_control(session)
    return _retry(session, Job.batch_id == batch_id)


def is_cancelled(session: Session, job_id: str) -> bool:
    """True when a person cancelled the job, or deleted it with its video."""
    return session.scalar(select(Job.state).where(Job.id == job_id)) in (None, JobState.CANCELLED)


# Segments first, in all of these: a worker that ends one holds its row while it asks for its parent's.


def _cancel(session: Session, which: ColumnElement[bool], *, now: datetime | None) -> list[str]:
    now = now or utc_now()
    ended = {"state": JobState.CANCELLED, "finished_at": now, "updated_at": now, "not_before": None, **_STILL, **FREE}
    change_many(session, _children_of(which), Job.state.in_(UNFINISHED), **ended)
    return change_many(session, which, Job.parent_id.is_(None), Job.state.in_(UNFINISHED), **ended)


def _pause(session: Session, which: ColumnElement[bool]) -> list[str]:
    # an attempt that a person ended does not count
    attempts = Job.attempts - case((Job.lease_token.is_not(None), 1), else_=0)
    rests = {"state": JobState.PAUSED, "attempts": attempts, "not_before": None, **_STILL, **FREE}
    change_many(session, _children_of(which), Job.state.in_(ACTIVE), **rests)
    return change_many(session, which, Job.parent_id.is_(None), Job.state.in_(ACTIVE), **rests)


def _resume(session: Session, which: ColumnElement[bool]) -> list[str]:
    parents = (which, Job.parent_id.is_(None), Job.state == JobState.PAUSED)
    change_many(session, _children_of(*parents), Job.state == JobState.PAUSED, state=JobState.QUEUED)
    return _set_going(session, *parents)


def _retry(session: Session, which: ColumnElement[bool]) -> list[str]:
    again: dict[str, Any] = {"error": None, "error_code": None, "finished_at": None, "not_before": None}
    again |= {"attempts": 0, "failures": 0, "interruptions": 0, "step": "waiting", "started_at": None}
    parents = (which, Job.parent_id.is_(None), Job.state.in_(ENDED_BADLY))
    unfinished = Job.state.in_((*ENDED_BADLY, JobState.PAUSED))
    change_many(session, _children_of(*parents), unfinished, state=JobState.QUEUED, **again)
    return _set_going(session, *parents, **again)


def _set_going(session: Session, *parents: ColumnElement[bool], **values: Any) -> list[str]:
    """Jobs with segments that have not ended wait for those; the others wait for a worker."""
    joined = {**values, "step": "looking"} if values else {}
    going = change_many(session, *parents, has_unfinished_children(), state=JobState.RUNNING, **joined)
    going += change_many(session, *parents, Job.kind != JobKind.CLUSTER, state=JobState.QUEUED, **values)
    for job_id in session.scalars(select(Job.id).where(*parents)).all():  # groupings, of which one may wait
        if wait_again(session, Job.id == job_id, **values):
            going.append(job_id)
    return going


def _children_of(*parents: ColumnElement[bool]) -> ColumnElement[bool]:
    return Job.parent_id.in_(select(Job.id).where(*parents).correlate(None))
