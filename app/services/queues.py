"""Queues: how many of their jobs run at once, and waking those in which something could begin."""

from __future__ import annotations

from collections.abc import Iterable

from app.config import Settings
from app.domain import QueueName
from app.services.context import Context
from app.storage import jobs as job_rows


def limit_of(settings: Settings, queue: QueueName) -> int | None:
    """How many jobs of a queue run at once where a person set nothing; ``None``: as many as there are workers."""
    return {
        QueueName.DOWNLOAD: settings.download_concurrency,
        QueueName.VISION: None,
        QueueName.CLUSTER: settings.cluster_concurrency,
        QueueName.EXPORT: settings.export_concurrency,
    }[queue]


def wake_ready(context: Context, queues: Iterable[QueueName] = tuple(QueueName)) -> list[QueueName]:
    """Wakes those queues in which a job could begin now; call it after whatever may let one begin.

    Returns:
        The queues that were woken.
    """
    with context.database.session() as session:
        ready = [
            queue for queue in queues if job_rows.can_start(session, queue, limit=limit_of(context.settings, queue))
        ]
    for queue in ready:
        context.queue.wake(queue)
    return ready
