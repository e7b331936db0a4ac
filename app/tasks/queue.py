"""Wakes workers through Celery."""

from __future__ import annotations

import logging
import sqlite3

from celery import Celery
from kombu.exceptions import OperationalError as BrokerError

from app.domain import JobKind, QueueName
from app.storage.jobs import QUEUE_OF

logger = logging.getLogger(__name__)


class CeleryQueue:
    """The job queue of servers and workers.

    A message only says that there is work in a queue, so one that waits is enough: whoever gets it takes the job whose
    turn it is and sends the next message while more could begin. Ten thousand jobs need a handful of messages.
    """

    def __init__(self, celery: Celery) -> None:
        self._celery = celery
        transport = celery.connection_for_write()  # connects to nothing; only told what its failures are called
        self._away = (*transport.connection_errors, *transport.channel_errors, BrokerError, sqlite3.Error, OSError)

    def send(self, kind: JobKind, job_id: str) -> None:
        """Wakes the queue of a new job."""
        self.wake(QUEUE_OF[kind])

    def wake(self, queue: QueueName, messages: int = 1) -> None:
        """Sends a message unless one waits. A broker that is away loses no job: recovery wakes the queue later."""
        try:
            with self._celery.producer_or_acquire() as producer:
                waiting = self._celery.amqp.queues[queue](producer.channel).queue_declare().message_count
                for _ in range(messages - waiting):
                    self._celery.send_task("work", args=[queue], queue=queue, producer=producer)
        except self._away:
            logger.warning("queue not woken, recovery will do it", extra={"queue": queue.value})

    def share(self, comparison: str, messages: int) -> None:
        """Asks workers for help. Where the broker is away, the caller does all of the work itself."""
        try:
            for _ in range(messages):
                self._celery.send_task("help_compare", args=[comparison], queue=QueueName.CLUSTER)
        except self._away:
            logger.warning("nobody asked for help, the broker is away", extra={"comparison": comparison})
