"""The tasks: envelopes around services."""

from __future__ import annotations

from celery import Celery

from app.domain import QueueName
from app.services.context import Context
from app.services.graph_shards import help_compare
from app.services.grouping import request_clustering_of_news
from app.services.housekeeping import clean_up
from app.services.jobs import recover_jobs, work_for_a_while
from app.services.webhooks import deliver_due


def register(celery: Celery, context: Context) -> None:
    """Adds the tasks to an application.

    Args:
        celery: The application.
        context: What the services work with.
    """
    # shared=False: Celery would hand these, with this context in them, to every other application of the process

    @celery.task(name="work", shared=False)  # type: ignore[untyped-decorator]
    def _work(queue: str) -> int:
        return len(work_for_a_while(context, QueueName(queue)))

    @celery.task(name="help_compare", shared=False)  # type: ignore[untyped-decorator]
    def _help_compare(comparison: str) -> int:
        return help_compare(context, comparison)

    @celery.task(name="recover", shared=False)  # type: ignore[untyped-decorator]
    def _recover() -> int:
        return len(recover_jobs(context))

    @celery.task(name="deliver_webhooks", shared=False)  # type: ignore[untyped-decorator]
    def _deliver_webhooks() -> int:
        return deliver_due(context)

    @celery.task(name="clean", shared=False)  # type: ignore[untyped-decorator]
    def _clean() -> int:
        return clean_up(context)

    @celery.task(name="cluster_periodically", shared=False)  # type: ignore[untyped-decorator]
    def _cluster_periodically() -> str | None:
        return request_clustering_of_news(context)
