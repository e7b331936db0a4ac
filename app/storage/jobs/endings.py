"""How an attempt ends: well, badly, for now, or with the job in another queue."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import JobState, QueueName
from app.models import Job, utc_now
from app.storage.jobs import children
from app.storage.jobs.queues import RETRY_SECONDS
from app.storage.jobs.rows import FREE, fenced, leave_to_other, mine, serialize_control, share_video, wait_again
from app.storage.jobs.writes import heartbeat


def succeed(session: Session, job_id: str, token: str, *, note: str | None = None) -> None:
    """Ends the job well, perhaps with a remark. The last segment of a video lets the video's own job go on.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobPausedError: A person paused the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    parent_id = _parent(session, job_id)
    remark = {} if note is None else {"note": note}
    _finish(session, job_id, token, JobState.SUCCEEDED, step="done", seconds_left=0.0, **remark)
    if parent_id is not None:
        children.child_succeeded(session, parent_id)


def fail(session: Session, job_id: str, token: str, code: str, message: str) -> None:
    """Ends the job badly, with a sentence for a person. With a segment fails the whole.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobPausedError: A person paused the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    parent_id = _parent(session, job_id)
    _finish(session, job_id, token, JobState.FAILED, error_code=code, error=message, seconds_left=None)
    if parent_id is not None:
        children.child_failed(session, parent_id, code, message)


def release(session: Session, job_id: str, token: str) -> None:
    """Gives the job back unfinished because the worker must stop; this attempt does not count.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobPausedError: A person paused the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    heartbeat(session, job_id, token, 0.0)
    if not wait_again(session, *mine(job_id, token), attempts=Job.attempts - 1):
        leave_to_other(session, *mine(job_id, token))


def hand_over(session: Session, job_id: str, token: str, queue: QueueName) -> None:
    """Lets the job go on in another queue; this attempt does not count, and the next begins to count its work anew.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobPausedError: A person paused the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    heartbeat(session, job_id, token, 0.0)
    counts: dict[str, Any] = {"attempts": Job.attempts - 1, "interruptions": 0, "failures": 0, "claimed_at": None}
    wait_again(session, *mine(job_id, token), queue=queue, step="waiting", done=0.0, total=None, **counts)


def retry_later(
    session: Session,
    job_id: str,
    token: str,
    code: str,
    message: str,
    *,
    jitter: float = 0.0,
    now: datetime | None = None,
) -> datetime | None:
    """Lets a job that failed in a way that may pass wait for its next try; after the fourth try it fails.

    Args:
        session: A writing session.
        job_id: The job.
        token: The attempt's token.
        code: Machine-readable name of the failure.
        message: A sentence for a person; it stays with the job until the next try.
        jitter: 0..1, a random part of the pause that is added, so that many do not come back at once.
        now: The present moment, for tests.

    Returns:
        When it is tried again; ``None`` when it has failed for good.

    Raises:
        JobCancelledError: A person cancelled the job.
        JobPausedError: A person paused the job.
        JobLostError: Another worker took the job over, or it was deleted.
    """
    failures = session.scalar(select(Job.failures).where(Job.id == job_id)) or 0
    if failures >= len(RETRY_SECONDS):
        fail(session, job_id, token, code, message)
        return None
    heartbeat(session, job_id, token, 0.0)
    not_before = (now or utc_now()) + timedelta(seconds=RETRY_SECONDS[failures] * (1.0 + jitter))
    again: dict[str, Any] = {"not_before": not_before, "failures": failures + 1, "step": "waiting"}
    if not wait_again(session, *mine(job_id, token), error_code=code, error=message, **again):
        leave_to_other(session, *mine(job_id, token))
    return not_before


def _parent(session: Session, job_id: str) -> str | None:
    """The job whose segment this is; locks what its end will need, in the order that all keep to."""
    parent_id = session.scalar(select(Job.parent_id).where(Job.id == job_id))
    if parent_id is not None:
        share_video(session, job_id)
        serialize_control(session)
    return parent_id


def _finish(session: Session, job_id: str, token: str, state: JobState, **values: Any) -> None:
    fenced(session, job_id, token, state=state, finished_at=utc_now(), **FREE, **values)
