"""Announces jobs through Celery."""

from __future__ import annotations

import logging

from celery import Celery
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy.exc import SQLAlchemyError

from app.domain import JobKind, QueueName

logger = logging.getLogger(__name__)


class CeleryQueue:
    """The job queue of servers and workers."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    def send(self, kind: JobKind, job_id: str) -> None:
        """Sends the id. A broker that is away does not lose the job: recovery announces it later."""
        try:
            self._celery.send_task("run_job", args=[job_id])
        except (BrokerError, SQLAlchemyError, OSError):
            logger.warning("job not announced, recovery will do it", extra={"job_id": job_id, "kind": kind.value})

    def wake(self, queue: QueueName, messages: int = 1) -> None:
        """Recovery does it, until the tasks know of queues."""
