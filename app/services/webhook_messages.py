"""Files messages for other programs in the very transaction that ends a job.

So none is lost, and none tells of what did not happen. ``storage`` notes which jobs a transaction ended;
:func:`file_messages` looks at that just before the commit, so no way of ending a job is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.config import Settings
from app.domain import JobState
from app.errors import FetchError, InvalidInputError
from app.media.addresses import parse_address
from app.models import Batch, Job, utc_now
from app.storage import batches as batch_rows
from app.storage import jobs as job_rows
from app.storage import webhooks as rows
from app.storage.views.batches import counts_of

WEBHOOK_PARAM = "webhook_url"  # of a job that came without a batch
MANY = 100  # a batch that is cancelled as a whole is one message, not thousands


def check_webhook_url(url: str | None) -> str | None:
    """The address without surrounding blanks; ``None`` where none was given.

    Raises:
        InvalidInputError: It is no address that messages can be sent to.
    """
    if url is None or not url.strip():
        return None
    try:
        return str(parse_address(url))
    except FetchError as error:
        raise InvalidInputError(f"webhook_url: {error.message}") from error


def file_messages(settings: Settings, session: Session) -> None:
    """Files what there is to tell of the jobs that a transaction ended, and of batches whose last job it was.

    Parts of a job are not told of. Where more than a hundred jobs ended at once, only their batches are.

    Args:
        settings: The settings.
        session: The transaction, about to be committed.
    """
    ended = job_rows.ended_in(session)
    if not ended:
        return
    session.flush()
    now = utc_now()
    if len(ended) <= MANY:
        for job in (job_rows.get(session, job_id) for job_id in ended):
            if job is not None:
                _file_job(settings, session, job, now)
    for batch_id in batch_rows.of_jobs(session, ended):
        _file_batch(settings, session, batch_id, now)


def _file_job(settings: Settings, session: Session, job: Job, now: datetime) -> None:
    if job.parent_id is not None or not job.state.is_final:
        return
    batch = batch_rows.get(session, job.batch_id) if job.batch_id else None
    own = str((job.params or {}).get(WEBHOOK_PARAM) or "")
    body = {"created_at": now.isoformat(), "job": _job(job)}
    _file(session, _urls(settings, batch, own), f"job.{job.state.value}", body, now)


def _file_batch(settings: Settings, session: Session, batch_id: str, now: datetime) -> None:
    # Locked, because of two jobs that end at the same moment one must see that it is the last.
    batch = batch_rows.get(session, batch_id, lock=True)
    urls = _urls(settings, batch) if batch is not None else []
    if batch is None or not urls or batch_rows.is_open(session, batch_id):
        return
    counts = {state.value: count for state, count in counts_of(session, batch_id).items() if count}
    about = {"batch_id": batch_id, "title": batch.title, "jobs": counts}
    _file(session, urls, "batch.ended", {"created_at": now.isoformat(), "batch": about}, now)


def _file(session: Session, urls: Sequence[str], event: str, body: dict[str, Any], now: datetime) -> None:
    for url in urls:
        rows.add(session, url, event, body, now=now)


def _urls(settings: Settings, batch: Batch | None, own: str = "") -> list[str]:
    """Each address once."""
    given = (settings.webhook_url, batch.webhook_url if batch is not None else None, own)
    return list(dict.fromkeys(url for url in given if url))


def _job(job: Job) -> dict[str, Any]:
    error = {"code": job.error_code or "failed", "message": job.error} if job.error else None
    moments = {name: getattr(job, name) for name in ("created_at", "started_at", "finished_at")}
    return {
        "job_id": job.id,
        "kind": job.kind.value,
        "status": job.state.value,
        "video_id": job.video_id,
        "batch_id": job.batch_id,
        "faces_found": job.faces_found,
        "error": error if job.state is JobState.FAILED else None,
        "note": job.note,
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }
