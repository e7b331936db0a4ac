"""Asks for a grouping of the library."""

from __future__ import annotations

from app.domain import JobKind
from app.services.context import Context
from app.storage import jobs as job_rows
from app.storage import videos as video_rows


def request_clustering(context: Context) -> str:
    """Queues a grouping of the library, unless one is waiting already.

    Returns:
        The id of the waiting job.
    """
    with context.database.write() as session:
        job, is_new = job_rows.get_or_add_cluster_job(session)
    if is_new:
        context.queue.send(JobKind.CLUSTER, job.id)
    return job.id


def request_clustering_of_news(context: Context) -> str | None:
    """Queues a grouping where a video was finished since the last one began.

    Returns:
        The id of the waiting job, or ``None`` where there is nothing new.
    """
    with context.database.session() as session:
        processed, grouped = video_rows.last_processed(session), job_rows.last_grouping(session)
    if processed is None or (grouped is not None and grouped > processed):
        return None
    return request_clustering(context)
