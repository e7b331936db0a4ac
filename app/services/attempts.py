"""One attempt at a job: what it ends in, whatever happens while it runs."""

from __future__ import annotations

import errno
import logging
import random
import time
from collections.abc import Callable

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.errors import (
    AppError,
    DatabaseAwayError,
    DiskFullError,
    JobCancelledError,
    JobLostError,
    JobPausedError,
    WorkerStoppingError,
)
from app.models import Job, utc_now
from app.services.context import Context
from app.services.job_log import log
from app.services.job_run import JobRun
from app.services.outcomes import Outcome
from app.storage import jobs as job_rows

logger = logging.getLogger(__name__)

END_SECONDS = 60.0  # so long an attempt tries to write how it ended, where the database is away
END_PAUSE_SECONDS = 1.0
JITTER = 0.2  # of the pause before the next try
STOPPED: dict[type[AppError], Outcome] = {
    JobLostError: Outcome.LOST,
    JobCancelledError: Outcome.CANCELLED,
    JobPausedError: Outcome.PAUSED,
}


def attempt(context: Context, job: Job, token: str, handler: Callable[[Context, JobRun], None]) -> Outcome:
    """Runs a handler on a job that was claimed, and writes into the job's row how that ended.

    Args:
        context: The context.
        job: The job.
        token: The token of the claim.
        handler: Does the work.

    Returns:
        How the attempt ended; nothing is raised.
    """
    try:
        with JobRun(context, job, token) as run:
            handler(context, run)
        if run.left is not None:
            return run.left
        return _end(context, Outcome.SUCCEEDED, lambda session: _succeed(session, job.id, token, run.note))
    except (JobLostError, JobCancelledError, JobPausedError) as stop:
        return STOPPED[type(stop)]
    except WorkerStoppingError:
        return _end(context, Outcome.RELEASED, lambda session: job_rows.release(session, job.id, token))
    except Exception as error:  # noqa: BLE001 - the envelope of all work: whatever went wrong must end in the job's row
        return _failed(context, job, token, _in_our_words(error, job.id))


def _in_our_words(error: Exception, job_id: str) -> AppError:
    if isinstance(error, AppError):
        return error
    if isinstance(error, OperationalError):
        logger.warning("database away", exc_info=error, extra={"job_id": job_id})
        return DatabaseAwayError("The database was away or busy for too long.")
    logger.error("job failed", exc_info=error, extra={"job_id": job_id})
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError()
    return AppError("Something went wrong here; the log has the details.")


def _succeed(session: Session, job_id: str, token: str, note: str | None) -> None:
    job_rows.succeed(session, job_id, token, note=note)
    log(session, job_id, f"Done. {note}" if note else "Done.")


def _failed(context: Context, job: Job, token: str, error: AppError) -> Outcome:
    """Ends an attempt that failed: for now where that may pass and somebody will come back to it, else for good."""
    may_pass = bool(getattr(error, "retryable", False)) and context.has_workers
    outcome = Outcome.FAILED

    def write(session: Session) -> None:
        nonlocal outcome
        if may_pass:
            jitter = random.random() * JITTER
            again = job_rows.retry_later(session, job.id, token, error.code, error.message, jitter=jitter)
            if again is not None:
                outcome = Outcome.RETRY_LATER
                seconds = round((again - utc_now()).total_seconds())
                log(session, job.id, f"{error.message} The next try is in {seconds} s.", "warning")
                return
        else:
            job_rows.fail(session, job.id, token, error.code, error.message)
        outcome = Outcome.FAILED
        log(session, job.id, error.message, "error")

    ended = _end(context, Outcome.FAILED, write)
    return outcome if ended is Outcome.FAILED else ended


def _end(context: Context, outcome: Outcome, write: Callable[[Session], None]) -> Outcome:
    """Writes how an attempt ended; waits a while for a database that is away."""
    until = time.monotonic() + END_SECONDS
    while True:
        try:
            with context.database.write() as session:
                write(session)
            return outcome
        except (JobLostError, JobCancelledError, JobPausedError) as stop:
            return STOPPED[type(stop)]
        except (OperationalError, DatabaseAwayError):
            if time.monotonic() > until:
                logger.exception("the end of an attempt was not written; recovery will see it")
                return Outcome.LOST
            logger.warning("database away, the end of an attempt is not written yet")
            time.sleep(END_PAUSE_SECONDS)
