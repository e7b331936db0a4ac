"""What all writes to jobs share: states, the fence of a lease, locks of Postgres."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from app.domain import JobState, QueueName
from app.errors import JobCancelledError, JobLostError, JobPausedError
from app.models import Job, utc_now
from app.storage.jobs import ended
from app.storage.rows import VIDEO_LOCK

ACTIVE = (JobState.QUEUED, JobState.RUNNING)
UNFINISHED = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)
FREE: dict[str, Any] = {"lease_token": None, "lease_owner": None, "lease_expires_at": None}

CLAIM_LOCK = 0x0FAAAAAE  # class of Postgres' advisory locks; the queue's number is the second half
CONTROL_LOCK = 0x0FAAAAACE8  # advisory lock of Postgres
_QUEUES = tuple(QueueName)
_FETCH = {"synchronize_session": "fetch"}  # objects of the session see what the statement wrote


def new_id() -> str:
    """A fresh random id, 32 hexadecimal digits; fit for jobs, batches and tokens."""
    return uuid.uuid4().hex


def get(session: Session, job_id: str) -> Job | None:
    """The job, fresh from the database, or ``None``."""
    return session.get(Job, job_id, populate_existing=True)


def lease_end(seconds: float) -> datetime:
    """When a lease that is renewed now runs out."""
    return utc_now() + timedelta(seconds=seconds)


def change(session: Session, *where: ColumnElement[bool], **values: Any) -> bool:
    """Changes one job; False where none is like that any more."""
    statement = update(Job).where(*where).values(**values).returning(Job.id)
    changed = session.scalar(statement, execution_options=_FETCH)
    if changed is None:
        return False
    ended.note(session, values, [changed])
    return True


def change_many(session: Session, *where: ColumnElement[bool], **values: Any) -> list[str]:
    """Changes many jobs at once; returns their ids."""
    statement = update(Job).where(*where).values(**values).returning(Job.id)
    changed = list(session.scalars(statement, execution_options=_FETCH))
    ended.note(session, values, changed)
    return changed


def mine(job_id: str, token: str) -> tuple[ColumnElement[bool], ...]:
    """The job as long as the attempt with this token owns it."""
    return Job.id == job_id, Job.lease_token == token, Job.state == JobState.RUNNING


def fenced(session: Session, job_id: str, token: str, **values: Any) -> None:
    """Writes for the attempt that owns the job, or says why it owns it no more.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobPausedError: A person paused the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    share_video(session, job_id)
    if not change(session, *mine(job_id, token), **values):
        raise_lost(session.scalar(select(Job.state).where(Job.id == job_id)))


def raise_lost(state: JobState | None) -> None:
    """Raises what an attempt has to be told whose job is in this state, and no longer its own."""
    if state == JobState.CANCELLED:
        raise JobCancelledError("The job was cancelled.")
    if state == JobState.PAUSED:
        raise JobPausedError("The job was paused.")
    raise JobLostError("Another worker took the job over, or it was deleted.")


def wait_again(session: Session, *where: ColumnElement[bool], **values: Any) -> bool:
    """Lets one job wait; False where it is no longer like that, or is a grouping and another one waits."""
    try:
        with session.begin_nested():
            return change(session, *where, state=JobState.QUEUED, speed=None, seconds_left=None, **FREE, **values)
    except IntegrityError:
        return False  # uq_job_waiting_cluster: another grouping waits


def leave_to_other(session: Session, *where: ColumnElement[bool]) -> None:
    """Ends a grouping whose work the one that waits will do."""
    note = "Interrupted; the grouping that waits does its work."
    change(session, *where, state=JobState.CANCELLED, note=note, finished_at=utc_now(), seconds_left=None, **FREE)


def share_video(session: Session, job_id: str) -> None:
    """On Postgres: holds off those who want the job's video to themselves (``app.storage.rows.own_video``)."""
    if _is_postgres(session):
        video = select(func.pg_advisory_xact_lock_shared(VIDEO_LOCK, Job.video_id))
        session.execute(video.where(Job.id == job_id, Job.video_id.is_not(None)))


def serialize_claims(session: Session, queue: QueueName) -> None:
    """On Postgres: one claim at a time in a queue, or two would count the same free place. SQLite has one writer."""
    if _is_postgres(session):
        session.execute(select(func.pg_advisory_xact_lock(CLAIM_LOCK, _QUEUES.index(queue))))


def serialize_control(session: Session) -> None:
    """On Postgres: one at a time changes several jobs at once, before it touches the first of them.

    The ends of segments are among them: of two that end at the same moment, one must see that it is the last.
    """
    if _is_postgres(session):
        session.execute(select(func.pg_advisory_xact_lock(CONTROL_LOCK)))


def _is_postgres(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"
