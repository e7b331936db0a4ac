"""Runs jobs, each as one attempt under a lease, and brings back those whose worker died."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sqlalchemy.orm import Session

from app.domain import JobKind, QueueName
from app.errors import NotFoundError
from app.models import Job, utc_now
from app.services.attempts import attempt
from app.services.context import Context
from app.services.exports import export
from app.services.fetch_video import fetch_video
from app.services.grouping import cluster_library, request_clustering_if_small
from app.services.job_log import log
from app.services.job_run import LEASE_SECONDS, JobRun
from app.services.outcomes import Outcome
from app.services.owners import current_owner
from app.services.process_media import process_media
from app.services.process_video import process_segment
from app.services.queues import limit_of, wake_ready
from app.services.review import make_questions
from app.services.stopped import settle
from app.services.webhooks import deliver_soon
from app.storage import jobs as job_rows

__all__ = ["HANDLERS", "Outcome", "get_job", "recover_jobs", "run_job", "work", "work_for_a_while"]

logger = logging.getLogger(__name__)

SHIFT_SECONDS = 1.0


def _process(context: Context, run: JobRun) -> None:
    process_media(context, run)
    if run.left is None:
        request_clustering_if_small(context)


def _fetch(context: Context, run: JobRun) -> None:
    """The job of a link downloads in one queue and looks in another, where the networks are."""
    if run.queue is not QueueName.DOWNLOAD:
        _process(context, run)
    elif fetch_video(context, run):
        with context.database.write() as session:
            run.hand_over(session, QueueName.VISION)


def _cluster(context: Context, run: JobRun) -> None:
    settle(context)
    run.report(step="grouping")
    waits = cluster_library(context, run, preview=bool(run.params.get("preview"))).waiting
    if waits is not None:
        run.note = f"Nothing is changed yet; a new order waits for your look. {waits}"
    # so that nobody waits for them later; what is left undone here is done when somebody asks
    make_questions(context, remember=False)


HANDLERS: dict[JobKind, Callable[[Context, JobRun], None]] = {
    JobKind.PROCESS_VIDEO: _process,
    JobKind.FETCH_VIDEO: _fetch,
    JobKind.SEGMENT: process_segment,
    JobKind.CLUSTER: _cluster,
    JobKind.EXPORT: export,
}


def work(context: Context, queue: QueueName) -> Outcome:
    """Takes the job of a queue whose turn it is and works on it; wakes the next worker while more could begin.

    Args:
        context: The context.
        queue: The queue.

    Returns:
        How the attempt ended; failures are stored in the job's row, not raised.
    """
    limit = limit_of(context.settings, queue)
    with context.database.session() as session:
        if not job_rows.can_start(session, queue, limit=limit):  # spares everybody a writing transaction
            return Outcome.NOT_CLAIMED
    with context.database.write() as session:
        job = job_rows.claim_next(session, queue, current_owner(), LEASE_SECONDS, limit=limit)
        if job is None or job.lease_token is None:
            return Outcome.NOT_CLAIMED
        _log_claim(session, job)
        more = job_rows.can_start(session, queue, limit=limit)
    if more and not context.stopping.is_set():
        context.queue.wake(queue)
    outcome = _run(context, job, job.lease_token)
    wake_ready(context)
    return outcome


def work_for_a_while(context: Context, queue: QueueName, seconds: float = SHIFT_SECONDS) -> list[Outcome]:
    """Takes job after job of a queue; a message for each would make small jobs wait longer than they take.

    Args:
        context: The context.
        queue: The queue.
        seconds: No job is begun after this time, so that other queues of this worker get their turn.

    Returns:
        How each attempt ended.
    """
    outcomes: list[Outcome] = []
    until = time.monotonic() + seconds
    while not outcomes or (time.monotonic() < until and not context.stopping.is_set()):
        outcomes.append(work(context, queue))
        if outcomes[-1] is Outcome.NOT_CLAIMED:
            break
    return outcomes


def run_job(context: Context, job_id: str) -> Outcome:
    """Works on one certain job until it ends. Safe to call twice: the second call finds nothing to claim.

    Args:
        context: The context.
        job_id: The job.

    Returns:
        How the last attempt ended; failures are stored in the job's row, not raised.
    """
    outcome = Outcome.HANDED_OVER
    while outcome is Outcome.HANDED_OVER:
        with context.database.write() as session:
            token = job_rows.claim(session, job_id, current_owner(), LEASE_SECONDS)
            job = job_rows.get(session, job_id) if token else None
            if job is not None:
                _log_claim(session, job)
        if token is None or job is None:
            return Outcome.NOT_CLAIMED
        outcome = _run(context, job, token)
    wake_ready(context)
    return outcome


def _log_claim(session: Session, job: Job) -> None:
    host, _, number = current_owner().rpartition(":")[0].rpartition(":")
    again = f", try {job.attempts}" if job.attempts > 1 else ""
    log(session, job.id, f"Taken by worker {number} on {host}{again}.")


def _run(context: Context, job: Job, token: str) -> Outcome:
    started = time.perf_counter()
    outcome = attempt(context, job, token, HANDLERS[JobKind(job.kind)])
    seconds = round(time.perf_counter() - started, 3)
    logger.info("attempt ended", extra={"job_id": job.id, "outcome": outcome.value, "seconds": seconds})
    deliver_soon(context)
    return outcome


def recover_jobs(context: Context) -> list[str]:
    """Lets the jobs of workers that are gone wait again, and wakes every queue in which something could begin.

    Returns:
        The ids of the jobs that were taken from their workers.
    """
    with context.database.write() as session:
        ids = job_rows.requeue_stale(session, utc_now(), lambda lease: context.leases.is_lost(*lease))
        for job_id in ids:
            log(session, job_id, "Its worker is gone; the job goes on at its last checkpoint.", "warning")
    if ids:
        logger.warning("jobs taken from workers that are gone", extra={"count": len(ids)})
    wake_ready(context)
    return ids


def get_job(context: Context, job_id: str) -> Job:
    """The job's row.

    Raises:
        NotFoundError: There is no such job.
    """
    with context.database.session() as session:
        job = job_rows.get(session, job_id)
    if job is None:
        raise NotFoundError("There is no such job.")
    return job
