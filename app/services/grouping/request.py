"""Asks for a grouping of the library."""

from __future__ import annotations

from app.domain import JobKind
from app.services.context import Context
from app.storage import jobs as job_rows
from app.storage import tracks as track_rows
from app.storage import videos as video_rows

# So many tracks are grouped in about a second
SMALL_LIBRARY = 5_000


def request_clustering(context: Context, *, preview: bool = False) -> str:
    """Queues a grouping of the library, unless one is waiting already.

    Args:
        context: The context.
        preview: Let it wait for a look in any case; also the one that is waiting already.

    Returns:
        The id of the waiting job.
    """
    with context.database.write() as session:
        job, is_new = job_rows.get_or_add_cluster_job(session, {"preview": True} if preview else None)
        if preview and not job.params.get("preview"):
            job.params = {**job.params, "preview": True}
    if is_new:
        context.queue.send(JobKind.CLUSTER, job.id)
    return job.id


def request_clustering_if_small(context: Context) -> str | None:
    """Queues a grouping after a video where the library is so small that it costs next to nothing.

    New tracks are put in their places as soon as they are linked, so in a large library the grouping that comes every
    ``CLUSTER_EVERY_MINUTES`` is enough to mend what that missed; after each video it would take longer than the video.

    Returns:
        The id of the waiting job, or ``None`` where the library is large.
    """
    with context.database.session() as session:
        if track_rows.count(session) > SMALL_LIBRARY:
            return None
    return request_clustering(context)


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
