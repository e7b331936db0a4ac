"""Jobs that nobody works on, and that nobody will work on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import ColumnElement

from app.domain import JobKind, JobState
from app.models import Job
from app.services.context import Context
from app.services.doctor.visit import YOUNG_SECONDS, Visit
from app.services.job_log import log
from app.services.owners import OwnerState, owner_state
from app.storage import jobs as job_rows
from app.storage.jobs import UNFINISHED, Lease
from app.storage.rows import run

NEED_VIDEO = (JobKind.PROCESS_VIDEO, JobKind.FETCH_VIDEO, JobKind.SEGMENT)
FREE: dict[str, Any] = {"lease_token": None, "lease_owner": None, "lease_expires_at": None, "seconds_left": None}


def mend_jobs(visit: Visit) -> None:
    """Lets jobs wait again whose worker is gone, and ends those that can come to nothing."""
    with visit.changes() as session:
        again = job_rows.requeue_stale(session, visit.now, lambda lease: _is_lost(visit.context, visit, lease))
        for job_id in again:
            log(session, job_id, "Its worker is gone; the job goes on at its last checkpoint.")
        visit.report.add("stale_jobs", len(again), "job whose worker is gone", "put back into its queue")

        count = _end(visit, session, _of_no_video(), "The video of this job was deleted.")
        visit.report.add("jobs_without_video", count, "job of a video that was deleted", "ended")

        count = _end(visit, session, _of_ended_parent(), "The job that this was a part of has ended.")
        visit.report.add("lone_segments", count, "segment of a job that has ended", "ended")

        waits_for_nothing = (
            Job.state == JobState.RUNNING,
            Job.lease_token.is_(None),
            Job.kind != JobKind.SEGMENT,
            Job.updated_at < visit.now - timedelta(seconds=YOUNG_SECONDS),
            ~job_rows.has_unfinished_children(),
        )
        count = run(session, update(Job).where(*waits_for_nothing).values(state=JobState.QUEUED, speed=None))
        visit.report.add("waiting_parents", count, "job whose segments are not there", "put back into its queue")


def _is_lost(context: Context, visit: Visit, lease: Lease) -> bool:
    """A worker of this machine is seen to be gone; of one elsewhere it is believed when it was silent for long."""
    if context.leases.is_lost(*lease):
        return True
    silent_since = visit.now - timedelta(seconds=YOUNG_SECONDS)
    elsewhere = owner_state(lease.owner) is OwnerState.UNKNOWN
    return elsewhere and (lease.expires_at is None or lease.expires_at < silent_since)


def _of_no_video() -> ColumnElement[bool]:
    return and_(Job.kind.in_(NEED_VIDEO), Job.video_id.is_(None))


def _of_ended_parent() -> ColumnElement[bool]:
    parent = aliased(Job)
    lives = exists().where(parent.id == Job.parent_id, parent.state.in_(UNFINISHED))
    return and_(Job.kind == JobKind.SEGMENT, or_(Job.parent_id.is_(None), ~lives))


def _end(visit: Visit, session: Session, which: ColumnElement[bool], reason: str) -> int:
    ids = list(session.scalars(select(Job.id).where(Job.state.in_(UNFINISHED), which)))
    fail_jobs(visit, session, ids, reason)
    return len(ids)


def fail_jobs(visit: Visit, session: Session, ids: list[str], reason: str) -> None:
    """Ends jobs badly, with a sentence that says why."""
    for job_id in ids:
        values = {"state": JobState.FAILED, "error_code": "not_found", "error": reason, "finished_at": visit.now}
        run(session, update(Job).where(Job.id == job_id, Job.state.in_(UNFINISHED)).values(**values, **FREE))
        log(session, job_id, reason)
