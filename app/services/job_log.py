"""What happened to a job, line by line, for the person who looks at its page."""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session

from app.storage import job_log as log_rows

logger = logging.getLogger(__name__)

LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def log(session: Session, job_id: str, message: str, level: str = "info") -> None:
    """Adds a line to a job's log, and to that of the program.

    Args:
        session: A writing session; the line is there when it is committed.
        job_id: The job.
        message: A plain sentence without paths and secrets.
        level: ``info``, ``warning`` or ``error``.
    """
    log_rows.add(session, job_id, message, level)
    logger.log(LEVELS[level], "job: %s", message, extra={"job_id": job_id})
