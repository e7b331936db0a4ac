"""What people do to jobs, batches and queues: cancel, pause, resume, try again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from app.domain import JobState, QueueName
from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.models import Job
from app.services.context import Context
from app.services.grouping import request_clustering
from app.services.job_log import log
from app.services.queues import wake_ready
from app.services.stopped import mark_cancelled, settle
from app.storage import batches as batch_rows
from app.storage import cancelled
from app.storage import jobs as job_rows

LOGGED_AT_ONCE = 100  # of a larger batch each job is changed, but only its batch could tell why
_IS = {
    JobState.QUEUED: "waits already",
    JobState.RUNNING: "is running",
    JobState.PAUSED: "is paused already",
    JobState.SUCCEEDED: "has ended well",
    JobState.FAILED: "has failed",
    JobState.CANCELLED: "was cancelled",
}

Change = Callable[[Session, str], bool]
BatchChange = Callable[[Session, str], Sequence[str]]


def cancel_job(context: Context, job_id: str, *, keep: bool = True) -> None:
    """Cancels a job that has not ended; its worker stops within two seconds.

    Args:
        context: The context.
        job_id: The job; of a part, the whole.
        keep: What was found so far stays; else it goes, with the video if this job brought it.

    Raises:
        NotFoundError: There is no such job.
        ConflictError: It has ended, other than by being cancelled.
    """
    stays = "what was found so far stays" if keep else "what was found so far goes"
    marked = False

    def cancel(session: Session, job_id: str) -> bool:
        nonlocal marked
        done = job_rows.request_cancel(session, job_id)
        if done:
            job = job_rows.get(session, job_id)
            marked = mark_cancelled(session, [(job and job.parent_id) or job_id], keep=keep)
        return done

    _change(context, job_id, cancel, "cancelled", f"Cancelled; {stays}.", fine=JobState.CANCELLED)
    if marked:
        if not keep:
            settle(context)
        request_clustering(context)


def pause_job(context: Context, job_id: str) -> None:
    """Lets a job rest at its last checkpoint.

    Raises:
        NotFoundError: There is no such job.
        ConflictError: It has ended.
    """
    _change(context, job_id, job_rows.pause, "paused", "Paused.", fine=JobState.PAUSED)


def resume_job(context: Context, job_id: str) -> None:
    """Lets a paused job go on.

    Raises:
        NotFoundError: There is no such job.
        ConflictError: It is not paused.
    """
    _change(context, job_id, job_rows.resume, "resumed", "Resumed.")


def retry_job(context: Context, job_id: str) -> None:
    """Lets a failed or cancelled job go on from its last checkpoint.

    Raises:
        NotFoundError: There is no such job.
        ConflictError: It has not ended badly.
    """
    _change(context, job_id, job_rows.retry, "tried again", "To be tried again.")


def cancel_batch(context: Context, batch_id: str, *, keep: bool = True) -> int:
    """Cancels all jobs of a batch that have not ended; see :func:`cancel_job`.

    Returns:
        How many were cancelled.

    Raises:
        NotFoundError: There is no such batch.
    """
    marked = False

    def cancel(session: Session, batch_id: str) -> Sequence[str]:
        nonlocal marked
        ended = job_rows.cancel_batch(session, batch_id)
        if not keep:
            cancelled.remove_unfetched(session, ended)
        marked = mark_cancelled(session, cancelled.with_findings(session, ended, or_video=not keep), keep=keep)
        return ended

    changed = _change_batch(context, batch_id, cancel, "Cancelled with its batch.")
    if marked:
        request_clustering(context)  # which begins with what has to be done about cancelled jobs
    return changed


def pause_batch(context: Context, batch_id: str) -> int:
    """Pauses all jobs of a batch that wait or run; returns how many. Raises like :func:`cancel_batch`."""
    return _change_batch(context, batch_id, job_rows.pause_batch, "Paused with its batch.")


def resume_batch(context: Context, batch_id: str) -> int:
    """Lets all paused jobs of a batch go on; returns how many. Raises like :func:`cancel_batch`."""
    return _change_batch(context, batch_id, job_rows.resume_batch, "Resumed with its batch.")


def retry_batch(context: Context, batch_id: str) -> int:
    """Tries all failed and cancelled jobs of a batch again; returns how many. Raises like :func:`cancel_batch`."""
    return _change_batch(context, batch_id, job_rows.retry_batch, "To be tried again with its batch.")


def pause_queue(context: Context, queue: QueueName) -> None:
    """Lets no job of a queue begin; those that run go on."""
    with context.database.write() as session:
        job_rows.set_paused(session, queue, True)


def resume_queue(context: Context, queue: QueueName) -> None:
    """Lets jobs of a queue begin again."""
    with context.database.write() as session:
        job_rows.set_paused(session, queue, False)
    wake_ready(context, [queue])


def set_concurrency(context: Context, queue: QueueName, concurrency: int | None) -> None:
    """Sets how many jobs of a queue run at once; ``None``: as in the settings.

    Raises:
        InvalidInputError: It is less than one.
    """
    if concurrency is not None and concurrency < 1:
        raise InvalidInputError("At least one job at a time. To stop a queue, pause it.")
    with context.database.write() as session:
        job_rows.set_concurrency(session, queue, concurrency)
    wake_ready(context, [queue])


def _change(
    context: Context, job_id: str, change: Change, done: str, message: str, *, fine: JobState | None = None
) -> None:
    with context.database.write() as session:
        job = job_rows.get(session, job_id)
        if job is None:
            raise NotFoundError("There is no such job.")
        if change(session, job_id):
            log(session, job_id, message)
        elif job.state is not fine:
            raise ConflictError(_cannot(job, done))
    wake_ready(context)


def _cannot(job: Job, done: str) -> str:
    able = {"resumed": (JobState.PAUSED,), "tried again": (JobState.FAILED, JobState.CANCELLED)}
    if job.state in able.get(done, ()):
        return "Another grouping of all faces waits already; it does this one's work."
    return f"This job {_IS[job.state]}, so it cannot be {done}."


def _change_batch(context: Context, batch_id: str, change: BatchChange, message: str) -> int:
    with context.database.write() as session:
        if batch_rows.get(session, batch_id) is None:
            raise NotFoundError("There is no such batch.")
        changed = change(session, batch_id)
        for job_id in changed[:LOGGED_AT_ONCE]:
            log(session, job_id, message)
    wake_ready(context)
    return len(changed)
