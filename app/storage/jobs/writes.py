"""What a worker writes while it works on a job. Every write is fenced by its lease token."""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import JobState
from app.models import Job
from app.storage.jobs.rows import fenced, lease_end, raise_lost


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


def heartbeat(session: Session, job_id: str, token: str, lease_seconds: float) -> None:
    """Renews the lease; says nothing to those who watch the progress.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobPausedError: A person paused the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    # updated_at is set to itself, else its onupdate would announce a change.
    fenced(session, job_id, token, lease_expires_at=lease_end(lease_seconds), updated_at=Job.updated_at)


def report(session: Session, job_id: str, token: str, lease_seconds: float, **progress: Unpack[Progress]) -> None:
    """Writes progress and renews the lease.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobPausedError: A person paused the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    fenced(session, job_id, token, lease_expires_at=lease_end(lease_seconds), **progress)


def checkpoint(
    session: Session, job_id: str, token: str, next_sample: int, lease_seconds: float, **progress: Unpack[Progress]
) -> None:
    """Says that all samples below ``next_sample`` are stored; call it first in the transaction that stores them.

    Whatever went wrong before no longer counts: the job gets on. On Postgres it holds the job's row until the commit,
    so nobody can take the job over in between.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobPausedError: A person paused the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    fresh = {"interruptions": 0, "failures": 0}
    fenced(
        session, job_id, token, next_sample=next_sample, lease_expires_at=lease_end(lease_seconds), **fresh, **progress
    )


def look(session: Session, job_id: str, token: str) -> None:
    """Asks, without writing, whether the attempt still owns its job.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobPausedError: A person paused the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    row = session.execute(select(Job.state, Job.lease_token).where(Job.id == job_id)).one_or_none()
    if row is None or row.state != JobState.RUNNING or row.lease_token != token:
        raise_lost(row.state if row is not None else None)
