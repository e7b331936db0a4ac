"""Jobs: claiming, progress, endings. Every write of a worker is fenced by its lease token."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from app.domain import JobKind, JobState
from app.errors import ConflictError, JobCancelledError, JobLostError
from app.models import Job, utc_now
from app.storage.rows import VIDEO_LOCK

ACTIVE = (JobState.QUEUED, JobState.RUNNING)
MAX_ATTEMPTS = 5
_FETCH = {"synchronize_session": "fetch"}  # objects of the session see what the statement wrote
_FREE: dict[str, Any] = {"lease_token": None, "lease_owner": None, "lease_expires_at": None}


class Progress(TypedDict, total=False):
    """What a worker tells about its job; only what is given is written."""

    step: str
    done: float
    total: float | None
    faces_found: int
    speed: float | None
    seconds_left: float | None
    note: str | None
    params: dict[str, Any]
    video_id: int


def new_id() -> str:
    """A fresh random id, 32 hexadecimal digits; fit for jobs, batches and tokens."""
    return uuid.uuid4().hex


def add(
    session: Session,
    kind: JobKind,
    *,
    video_id: int | None = None,
    batch_id: str | None = None,
    params: dict[str, Any] | None = None,
) -> Job:
    """Files a job; it waits until somebody claims it. Send its id to the queue after the commit."""
    job = Job(id=new_id(), kind=kind, video_id=video_id, batch_id=batch_id, params=params or {})
    session.add(job)
    session.flush()
    return job


def get_or_add_cluster_job(session: Session, params: dict[str, Any] | None = None) -> tuple[Job, bool]:
    """The one grouping that waits, filed now if there is none; safe when several ask at once.

    A grouping that already runs does not count: it may have missed what came since it began.

    Returns:
        The job, and True when it is new and must be sent to the queue.
    """
    waiting = select(Job).where(Job.kind == JobKind.CLUSTER, Job.state == JobState.QUEUED)
    for _ in range(3):
        job = session.scalar(waiting)
        if job is not None:
            return job, False
        try:
            with session.begin_nested():
                return add(session, JobKind.CLUSTER, params=params), True
        except IntegrityError:
            continue  # another process filed it between the two statements
    raise ConflictError("The grouping could not be filed: others are started and taken all the time. Try again.")


def get(session: Session, job_id: str) -> Job | None:
    """The job, fresh from the database, or ``None``."""
    return session.get(Job, job_id, populate_existing=True)


def claim(
    session: Session, job_id: str, owner: str, lease_seconds: float, *, now: datetime | None = None
) -> str | None:
    """Takes a waiting job, or one whose worker's lease has run out; of many that try, one wins.

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
    free = or_(Job.state == JobState.QUEUED, and_(Job.state == JobState.RUNNING, Job.lease_expires_at < now))
    won = _update(
        session,
        Job.id == job_id,
        free,
        state=JobState.RUNNING,
        lease_token=token,
        lease_owner=owner,
        lease_expires_at=now + timedelta(seconds=lease_seconds),
        attempts=Job.attempts + 1,
        started_at=func.coalesce(Job.started_at, now),
        error=None,
        error_code=None,
        updated_at=now,
    )
    return token if won else None


def heartbeat(session: Session, job_id: str, token: str, lease_seconds: float) -> None:
    """Renews the lease; says nothing to those who watch the progress.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    # updated_at is set to itself, else its onupdate would announce a change.
    _fenced(session, job_id, token, lease_expires_at=_lease(lease_seconds), updated_at=Job.updated_at)


def report(session: Session, job_id: str, token: str, lease_seconds: float, **progress: Unpack[Progress]) -> None:
    """Writes progress and renews the lease.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    _fenced(session, job_id, token, lease_expires_at=_lease(lease_seconds), **progress)


def checkpoint(
    session: Session, job_id: str, token: str, next_sample: int, lease_seconds: float, **progress: Unpack[Progress]
) -> None:
    """Says that all samples below ``next_sample`` are stored; call it first in the transaction that stores them.

    On Postgres it holds the job's row until the commit, so nobody can take the job over in between.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    _fenced(session, job_id, token, next_sample=next_sample, lease_expires_at=_lease(lease_seconds), **progress)


def succeed(session: Session, job_id: str, token: str, *, note: str | None = None) -> None:
    """Ends the job well, perhaps with a remark.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    remark = {} if note is None else {"note": note}
    _finish(session, job_id, token, JobState.SUCCEEDED, step="done", seconds_left=0.0, **remark)


def fail(session: Session, job_id: str, token: str, code: str, message: str) -> None:
    """Ends the job badly, with a sentence for a person.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    _finish(session, job_id, token, JobState.FAILED, error_code=code, error=message, seconds_left=None)


def release(session: Session, job_id: str, token: str) -> None:
    """Gives the job back unfinished because the worker must stop; this attempt does not count.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    heartbeat(session, job_id, token, 0.0)
    mine = (Job.id == job_id, Job.lease_token == token)
    if not _wait_again(session, *mine, attempts=Job.attempts - 1):
        _leave_to_other(session, *mine)


def request_cancel(session: Session, job_id: str, *, now: datetime | None = None) -> bool:
    """Cancels a job at once. A worker that is on it learns it at its next write and stops.

    Returns:
        False when the job had already ended or does not exist.
    """
    now = now or utc_now()
    return _update(
        session,
        Job.id == job_id,
        Job.state.in_(ACTIVE),
        state=JobState.CANCELLED,
        finished_at=now,
        seconds_left=None,
        updated_at=now,
        **_FREE,
    )


def is_cancelled(session: Session, job_id: str) -> bool:
    """True when a person cancelled the job, or deleted it with its video."""
    return session.scalar(select(Job.state).where(Job.id == job_id)) in (None, JobState.CANCELLED)


def retry(session: Session, job_id: str) -> bool:
    """Lets a failed or cancelled job wait again, from its checkpoint.

    Returns:
        False when the job is not in such a state, or is a grouping and another one waits. When True, send its id to the queue after the commit.
    """
    ended = Job.state.in_((JobState.FAILED, JobState.CANCELLED))
    fresh: dict[str, Any] = {"error": None, "error_code": None, "finished_at": None, "attempts": 0, "step": "waiting"}
    return _wait_again(session, Job.id == job_id, ended, started_at=None, **fresh)


def requeue_stale(
    session: Session,
    now: datetime,
    is_owner_alive: Callable[[str], bool],
    *,
    max_attempts: int = MAX_ATTEMPTS,
) -> list[str]:
    """Takes running jobs from workers that are gone, and lets them wait again.

    A job that was interrupted ``max_attempts`` times fails, so that one bad file cannot kill workers for ever.

    Args:
        session: A writing session.
        now: The present moment; a lease that ended before it has run out.
        is_owner_alive: Whether the process named host:pid:start still lives; True where it cannot tell.
        max_attempts: How often a job may be tried.

    Returns:
        Ids of the jobs that wait again; send them to the queue after the commit.
    """
    again = []
    for job in session.scalars(select(Job).where(Job.state == JobState.RUNNING).order_by(Job.created_at, Job.id)):
        expired = job.lease_expires_at is None or job.lease_expires_at < now
        if not expired and is_owner_alive(job.lease_owner or ""):
            continue
        if job.attempts >= max_attempts:
            _give_up(session, job, now)
        elif _wait_again(session, *_still(job)):
            again.append(job.id)
        else:
            _leave_to_other(session, *_still(job))
    return again


def waiting(session: Session, *, before: datetime | None = None) -> list[str]:
    """Ids of the jobs that wait, oldest first; with ``before``, of those that nobody touched since then."""
    query = select(Job.id).where(Job.state == JobState.QUEUED).order_by(Job.created_at, Job.id)
    return list(session.scalars(query if before is None else query.where(Job.updated_at < before)))


def last_grouping(session: Session) -> datetime | None:
    """When the last grouping that succeeded began, or ``None``."""
    done = (Job.kind == JobKind.CLUSTER, Job.state == JobState.SUCCEEDED)
    return session.scalar(select(func.max(Job.started_at)).where(*done))


def latest_for_video(session: Session, video_id: int) -> Job | None:
    """The youngest job of a video."""
    return session.scalar(select(Job).where(Job.video_id == video_id).order_by(Job.created_at.desc(), Job.id).limit(1))


def _lease(seconds: float) -> datetime:
    return utc_now() + timedelta(seconds=seconds)


def _update(session: Session, *where: ColumnElement[bool], **values: Any) -> bool:
    statement = update(Job).where(*where).values(**values).returning(Job.id)
    return session.scalar(statement, execution_options=_FETCH) is not None


def _fenced(session: Session, job_id: str, token: str, **values: Any) -> None:
    if session.get_bind().dialect.name == "postgresql":
        video = select(func.pg_advisory_xact_lock_shared(VIDEO_LOCK, Job.video_id))
        session.execute(video.where(Job.id == job_id, Job.video_id.is_not(None)))
    mine = (Job.id == job_id, Job.lease_token == token, Job.state == JobState.RUNNING)
    if _update(session, *mine, **values):
        return
    if session.scalar(select(Job.state).where(Job.id == job_id)) == JobState.CANCELLED:
        raise JobCancelledError("The job was cancelled.")
    raise JobLostError("Another worker took the job over, or it was deleted.")


def _finish(session: Session, job_id: str, token: str, state: JobState, **values: Any) -> None:
    _fenced(session, job_id, token, state=state, finished_at=utc_now(), **_FREE, **values)


def _still(job: Job) -> tuple[ColumnElement[bool], ...]:
    # The attempt that was looked at: a heartbeat in between does not save it, a new owner does.
    return Job.id == job.id, Job.lease_token == job.lease_token, Job.state == JobState.RUNNING


def _give_up(session: Session, job: Job, now: datetime) -> None:
    message = (
        f"The work was interrupted {job.attempts} times, so it was given up. "
        "Try again; if it stops again, this file may be too much for the machine's memory."
    )
    ending: dict[str, Any] = {"error_code": "interrupted", "error": message, "finished_at": now, "seconds_left": None}
    _update(session, *_still(job), state=JobState.FAILED, **ending, **_FREE)


def _wait_again(session: Session, *where: ColumnElement[bool], **values: Any) -> bool:
    try:
        with session.begin_nested():
            return _update(session, *where, state=JobState.QUEUED, speed=None, seconds_left=None, **_FREE, **values)
    except IntegrityError:
        return False  # uq_job_waiting_cluster: another grouping waits


def _leave_to_other(session: Session, *where: ColumnElement[bool]) -> None:
    note = "Interrupted; the grouping that waits does its work."
    _update(session, *where, state=JobState.CANCELLED, note=note, finished_at=utc_now(), seconds_left=None, **_FREE)
