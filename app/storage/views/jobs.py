"""Questions about single jobs, and what changed lately. Lists are in ``job_lists.py``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.domain import JobKind, JobState
from app.models import Job, JobLog, Person, Video
from app.storage.views.shapes import JobRow, LibraryMark, LogLine, Parts

ACTIVE = (JobState.RUNNING, JobState.QUEUED, JobState.PAUSED)
IS_WHOLE = Job.parent_id.is_(None)  # a job of its own, and no part of another one


def job(session: Session, job_id: str) -> JobRow | None:
    """One job, or ``None``."""
    return next(iter(rows(session, select_jobs().where(Job.id == job_id))), None)


def count_jobs(session: Session) -> dict[JobState, int]:
    """How many jobs are in each state; states without jobs are there with 0."""
    return all_states(session.execute(select(Job.state, func.count()).where(IS_WHOLE).group_by(Job.state)))


def count_active(session: Session) -> int:
    """How many jobs have not ended."""
    return session.scalar(select(func.count()).where(IS_WHOLE, Job.state.in_(ACTIVE))) or 0


def parts(session: Session, job_id: str) -> Parts | None:
    """The segments of a job; ``None`` where it has none."""
    query = select(Job.state, func.count()).where(Job.parent_id == job_id).group_by(Job.state)
    counts = {JobState(state): count for state, count in session.execute(query)}
    return Parts(sum(counts.values()), counts) if counts else None


def log_lines(session: Session, job_id: str, *, after: int = 0, limit: int = 200) -> list[LogLine]:
    """Lines of a job's log behind the one with an id, oldest first."""
    query = select(JobLog).where(JobLog.job_id == job_id, JobLog.id > after).order_by(JobLog.id).limit(limit)
    return [_line(line) for line in session.scalars(query)]


def log_tail(session: Session, job_id: str, limit: int) -> list[LogLine]:
    """The last lines of a job's log, oldest first."""
    query = select(JobLog).where(JobLog.job_id == job_id).order_by(JobLog.id.desc()).limit(limit)
    return [_line(line) for line in reversed(session.scalars(query).all())]


def latest_jobs(session: Session, video_ids: Sequence[int]) -> dict[int, JobRow]:
    """The latest job of each video that has one."""
    statement = select_jobs().where(Job.video_id.in_(video_ids), IS_WHOLE).order_by(Job.created_at, Job.id)
    return {row.video_id: row for row in rows(session, statement) if row.video_id is not None}


def changed_jobs(session: Session, since: datetime, limit: int, *, batch_id: str | None = None) -> list[JobRow]:
    """The jobs, perhaps only of a batch, that changed last after a moment; oldest change first."""
    statement = select_jobs().where(Job.updated_at > since, IS_WHOLE)
    if batch_id is not None:
        statement = statement.where(Job.batch_id == batch_id)
    return rows(session, statement.order_by(Job.updated_at.desc(), Job.id).limit(limit))[::-1]


def library_mark(session: Session) -> LibraryMark:
    """Changes whenever the people or the list of videos change."""
    videos = select(func.count(Video.id)).scalar_subquery()
    newest = select(func.coalesce(func.max(Video.id), 0)).scalar_subquery()
    people = select(func.count(Person.id)).scalar_subquery()
    changed = select(func.max(Person.updated_at)).scalar_subquery()
    row = session.execute(select(videos, newest, people, changed)).one()
    return LibraryMark(videos=row[0], newest_video=row[1], people=row[2], people_changed=row[3])


def select_jobs() -> Select[*tuple[Any, ...]]:
    """Jobs with what is shown of their videos; for :func:`rows`."""
    return select(Job, Video.title, Video.size_bytes).outerjoin(Video, Video.id == Job.video_id)


def rows(session: Session, statement: Select[*tuple[Any, ...]]) -> list[JobRow]:
    """What a statement of :func:`select_jobs` finds."""
    return [_row(*found) for found in session.execute(statement)]


def all_states(counted: Iterable[tuple[JobState, int]]) -> dict[JobState, int]:
    """Counts by state, with 0 for states that do not occur."""
    found = {JobState(state): count for state, count in counted}
    return {state: found.get(state, 0) for state in JobState}


def _line(line: JobLog) -> LogLine:
    return LogLine(id=line.id, at=line.at, level=line.level, message=line.message)


def _row(found: Job, title: str | None, size_bytes: int | None) -> JobRow:
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
        queue=found.queue,
        priority=found.priority,
        batch_id=found.batch_id,
        parent_id=found.parent_id,
        next_try_at=found.not_before,
        interruptions=found.interruptions,
        next_sample=found.next_sample,
        size_bytes=size_bytes,
    )
