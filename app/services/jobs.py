"""Runs jobs, each as one attempt under a lease, and brings back those whose worker died."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum

from app.domain import JobKind
from app.errors import AppError, JobCancelledError, JobLostError, NotFoundError, WorkerStoppingError
from app.models import Job, utc_now
from app.services.cluster import cluster_library, request_clustering
from app.services.context import Context
from app.services.fetch_video import fetch_video
from app.services.job_run import LEASE_SECONDS, JobRun
from app.services.owners import current_owner
from app.services.process_video import process_video
from app.storage import jobs as job_rows

logger = logging.getLogger(__name__)

FORGOTTEN_SECONDS = 60.0  # a job that waits longer may have lost its message; a second message does no harm
ANNOUNCED_AT_ONCE = 20  # of the oldest; the broker must not fill up with doubles of a long queue


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RELEASED = "released"  # given back because this worker stops
    LOST = "lost"  # another attempt owns it, or it is gone
    NOT_CLAIMED = "not_claimed"  # finished, cancelled or being worked on already


def _process(context: Context, run: JobRun) -> None:
    process_video(context, run)
    request_clustering(context)


def _fetch(context: Context, run: JobRun) -> None:
    if fetch_video(context, run):
        run.restart_progress()
        _process(context, run)


def _cluster(context: Context, run: JobRun) -> None:
    run.report(step="grouping")
    cluster_library(context, run)


HANDLERS: dict[JobKind, Callable[[Context, JobRun], None]] = {
    JobKind.PROCESS_VIDEO: _process,
    JobKind.FETCH_VIDEO: _fetch,
    JobKind.CLUSTER: _cluster,
}


def run_job(context: Context, job_id: str) -> Outcome:
    """Works on a job until it ends. Safe to call twice: the second call finds nothing to claim.

    Args:
        context: The context.
        job_id: The job.

    Returns:
        How the attempt ended; failures are stored in the job's row, not raised.
    """
    with context.database.write() as session:
        token = job_rows.claim(session, job_id, current_owner(), LEASE_SECONDS)
        job = job_rows.get(session, job_id) if token else None
    if token is None or job is None:
        return Outcome.NOT_CLAIMED
    started = time.perf_counter()
    outcome = _attempt(context, job, token)
    seconds = round(time.perf_counter() - started, 3)
    logger.info("job ended", extra={"job_id": job_id, "outcome": outcome.value, "seconds": seconds})
    return outcome


def _attempt(context: Context, job: Job, token: str) -> Outcome:
    try:
        with JobRun(context, job, token) as run:
            HANDLERS[JobKind(job.kind)](context, run)
        with context.database.write() as session:
            job_rows.succeed(session, job.id, token, note=run.note)
    except JobLostError:
        return Outcome.LOST
    except JobCancelledError:
        return Outcome.CANCELLED
    except WorkerStoppingError:
        return _release(context, job, token)
    except AppError as error:
        return _fail(context, job.id, token, error.code, error.message)
    except Exception:  # the envelope of all work: whatever went wrong must end in the job's row
        logger.exception("job failed", extra={"job_id": job.id})
        return _fail(context, job.id, token, "internal_error", "Something went wrong here; the log has the details.")
    return Outcome.SUCCEEDED


def _release(context: Context, job: Job, token: str) -> Outcome:
    try:
        with context.database.write() as session:
            job_rows.release(session, job.id, token)
    except (JobLostError, JobCancelledError):
        return Outcome.LOST
    context.queue.send(JobKind(job.kind), job.id)
    return Outcome.RELEASED


def _fail(context: Context, job_id: str, token: str, code: str, message: str) -> Outcome:
    try:
        with context.database.write() as session:
            job_rows.fail(session, job_id, token, code, message)
    except (JobLostError, JobCancelledError):
        return Outcome.LOST
    return Outcome.FAILED


def recover_jobs(context: Context) -> list[str]:
    """Queues again the jobs whose worker died, and announces waiting jobs whose message may be lost.

    Returns:
        The ids of the jobs that were announced.
    """
    with context.database.write() as session:
        ids = job_rows.requeue_stale(session, utc_now(), lambda lease: context.leases.is_lost(*lease))
        forgotten = job_rows.waiting(session, before=utc_now() - timedelta(seconds=FORGOTTEN_SECONDS))
        ids += [job_id for job_id in forgotten[:ANNOUNCED_AT_ONCE] if job_id not in ids]
        jobs = [job for job in (job_rows.get(session, job_id) for job_id in ids) if job is not None]
    for job in jobs:
        context.queue.send(JobKind(job.kind), job.id)
    if jobs:
        logger.info("jobs announced again", extra={"count": len(jobs)})
    return [job.id for job in jobs]


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


def cancel_job(context: Context, job_id: str) -> Job:
    """Cancels a job that has not ended; what a worker has stored so far stays.

    Raises:
        NotFoundError: There is no such job.
    """
    with context.database.write() as session:
        if job_rows.get(session, job_id) is None:
            raise NotFoundError("There is no such job.")
        job_rows.request_cancel(session, job_id)
    return get_job(context, job_id)
