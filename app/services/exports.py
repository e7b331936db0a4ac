"""Exports as jobs: a file is written once, fetched as often as wanted, and deleted after a week."""

from __future__ import annotations

import logging
from typing import Literal

from app.domain import JobKind, JobState
from app.errors import ConflictError, NotFoundError
from app.models import Job, utc_now
from app.services.context import Context
from app.services.export import export_faces
from app.services.ingest_options import PRIORITY_PERSON
from app.services.job_run import JobRun
from app.services.webhook_messages import WEBHOOK_PARAM, check_webhook_url
from app.storage import faces as face_rows
from app.storage import jobs as job_rows

logger = logging.getLogger(__name__)

AREA = "exports"
KEPT_DAYS = 7
CHECK_ROWS = 500  # between two looks at whether a person cancelled it
ExportFormat = Literal["csv", "json"]
_OTHER_WORDS = {
    JobState.FAILED: "The export failed: {error} Start it again.",
    JobState.CANCELLED: "The export was cancelled. Start it again.",
    JobState.PAUSED: "The export is paused. Resume its job first.",
}


def request_export(context: Context, format_name: ExportFormat, *, webhook_url: str | None = None) -> str:
    """Queues an export of all faces.

    Args:
        context: The context.
        format_name: ``csv`` or ``json``.
        webhook_url: An address that is told when it is ready.

    Returns:
        The id of its job.

    Raises:
        InvalidInputError: The address is none that can be told.
    """
    params = {"what": "faces", "format": format_name}
    if url := check_webhook_url(webhook_url):
        params[WEBHOOK_PARAM] = url
    with context.database.write() as session:
        job = job_rows.add(session, JobKind.EXPORT, params=params, priority=PRIORITY_PERSON)
    context.queue.send(JobKind.EXPORT, job.id)
    return job.id


def export(context: Context, run: JobRun) -> None:
    """Writes the file of a job.

    Raises:
        JobCancelledError: A person cancelled the job; like any other failure it leaves no file.
    """
    format_name = run.params["format"]
    with context.database.session() as session:
        total = face_rows.count(session)
    run.report(step="writing", total=float(total))
    path = context.blobs.new_temp(f".{format_name}")
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            for number, piece in enumerate(export_faces(context, format_name)):
                file.write(piece)
                if number % CHECK_ROWS == 0:
                    run.check()
                    run.report(done=float(min(number, total)))
        run.report(done=float(total), force=True)
        context.blobs.adopt(path, _key(run.job_id, format_name))
    finally:
        path.unlink(missing_ok=True)


def finished_export(context: Context, job_id: str) -> str:
    """The key of a finished export.

    Raises:
        NotFoundError: There is no such export, or its time is over.
        ConflictError: It is not ready; the message says what it does instead.
    """
    with context.database.session() as session:
        job = job_rows.get(session, job_id)
    if job is None or job.kind is not JobKind.EXPORT:
        raise NotFoundError("There is no such export.")
    if job.state is not JobState.SUCCEEDED:
        raise ConflictError(_not_ready(job))
    key = _key(job.id, job.params["format"])
    if not context.blobs.exists(key):
        raise NotFoundError(f"This export was deleted after {KEPT_DAYS} days. Start a new one.")
    return key


def expire(context: Context) -> int:
    """Deletes exports that were written a week ago; for the scheduler.

    Returns:
        How many were deleted.
    """
    limit = utc_now().timestamp() - KEPT_DAYS * 86400.0
    old = [blob.key for blob in context.blobs.list(AREA) if blob.modified < limit]
    for key in old:
        context.blobs.delete_tree(key.rpartition("/")[0])
    if old:
        logger.info("exports deleted", extra={"count": len(old)})
    return len(old)


def _key(job_id: str, format_name: str) -> str:
    return f"{AREA}/{job_id}/faces.{format_name}"


def _not_ready(job: Job) -> str:
    words = _OTHER_WORDS.get(job.state)
    return words.format(error=job.error or "the reason is not known.") if words else "The export is not ready yet."
