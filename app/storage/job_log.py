"""Lines of a job's log."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Job, JobLog

MAX_LINES = 200


def add(session: Session, job_id: str, message: str, level: str = "info") -> None:
    """Adds a line, also where the job is gone meanwhile or its log is full: then nothing is added.

    Args:
        session: A writing session.
        job_id: The job; a line about a segment belongs to the job of the whole.
        message: A sentence without paths and secrets.
        level: ``info``, ``warning`` or ``error``.
    """
    row = session.execute(select(Job.parent_id).where(Job.id == job_id)).one_or_none()
    if row is None:
        return
    owner = row.parent_id or job_id
    lines = session.scalar(select(func.count(JobLog.id)).where(JobLog.job_id == owner)) or 0
    if lines < MAX_LINES - 1:
        session.add(JobLog(job_id=owner, level=level, message=message))
    elif lines == MAX_LINES - 1:
        session.add(JobLog(job_id=owner, level="warning", message="More happened; this log is full."))


def lines(session: Session, job_id: str, *, after: int = 0, limit: int = MAX_LINES) -> list[JobLog]:
    """Lines of a job, oldest first, of those that came after the one with the id ``after``."""
    query = select(JobLog).where(JobLog.job_id == job_id, JobLog.id > after).order_by(JobLog.id).limit(limit)
    return list(session.scalars(query))
