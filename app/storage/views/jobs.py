"""Questions about jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.domain import JobKind, JobState
from app.models import Job, Person, Video
from app.storage.views.shapes import JobRow, LibraryMark, Page

ACTIVE = (JobState.RUNNING, JobState.QUEUED)


def job(session: Session, job_id: str) -> JobRow | None:
    """One job, or ``None``."""
    return next(iter(_rows(session, _select().where(Job.id == job_id))), None)


def jobs_in(session: Session, states: Iterable[JobState], page: Page, *, oldest_first: bool = False) -> list[JobRow]:
    """Jobs in any of the states, newest first unless told otherwise."""
    order = Job.created_at.asc() if oldest_first else Job.created_at.desc()
    statement = _select().where(Job.state.in_(list(states))).order_by(order, Job.id)
    return _rows(session, statement.limit(page.size).offset(page.offset))


def count_jobs(session: Session) -> dict[JobState, int]:
    """How many jobs are in each state; states without jobs are there with 0."""
    rows = session.execute(select(Job.state, func.count()).group_by(Job.state)).all()
    found = {JobState(state): count for state, count in rows}
    return {state: found.get(state, 0) for state in JobState}


def count_active(session: Session) -> int:
    """How many jobs wait or run."""
    return session.scalar(select(func.count(Job.id)).where(Job.state.in_(ACTIVE))) or 0


def latest_jobs(session: Session, video_ids: Sequence[int]) -> dict[int, JobRow]:
    """The latest job of each video that has one."""
    statement = _select().where(Job.video_id.in_(video_ids)).order_by(Job.created_at, Job.id)
    return {row.video_id: row for row in _rows(session, statement) if row.video_id is not None}


def changed_jobs(session: Session, since: datetime, limit: int = 500) -> list[JobRow]:
    """Jobs that changed after a moment, oldest change first."""
    return _rows(session, _select().where(Job.updated_at > since).order_by(Job.updated_at, Job.id).limit(limit))


def library_mark(session: Session) -> LibraryMark:
    """Changes whenever the people or the list of videos change."""
    videos = select(func.count(Video.id)).scalar_subquery()
    newest = select(func.coalesce(func.max(Video.id), 0)).scalar_subquery()
    people = select(func.count(Person.id)).scalar_subquery()
    changed = select(func.max(Person.updated_at)).scalar_subquery()
    row = session.execute(select(videos, newest, people, changed)).one()
    return LibraryMark(videos=row[0], newest_video=row[1], people=row[2], people_changed=row[3])


def _select() -> Select[*tuple[Any, ...]]:
    return select(Job, Video.title).outerjoin(Video, Video.id == Job.video_id)


def _rows(session: Session, statement: Select[*tuple[Any, ...]]) -> list[JobRow]:
    return [_row(found, title) for found, title in session.execute(statement).all()]


def _row(found: Job, title: str | None) -> JobRow:
    interval = (found.params or {}).get("interval")
    return JobRow(
        id=found.id,
        kind=JobKind(found.kind),
        state=JobState(found.state),
        step=found.step,
        video_id=found.video_id,
        video_title=title,
        done=found.done,
        total=found.total,
        faces_found=found.faces_found,
        speed=found.speed,
        seconds_left=found.seconds_left,
        error_code=found.error_code,
        error=found.error,
        note=found.note,
        attempts=found.attempts,
        interval=float(interval) if isinstance(interval, int | float) else None,
        created_at=found.created_at,
        started_at=found.started_at,
        updated_at=found.updated_at,
        finished_at=found.finished_at,
    )
