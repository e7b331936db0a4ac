"""Long lists of jobs, piece by piece: each piece begins where the last one ended, whatever was added meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.domain import JobKind, JobState, QueueName
from app.models import Job, Video
from app.storage.views.jobs import IS_WHOLE, rows, select_jobs
from app.storage.views.shapes import JobRow

JobSort = Literal["created_at", "updated_at", "priority"]
KeyValue = int | str | datetime
Key = tuple[KeyValue, ...]
Filtered = TypeVar("Filtered", bound=Select[*tuple[Any, ...]])


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are wanted; what is empty does not restrict.

    Attributes:
        states: In any of these states.
        kinds: Of any of these kinds.
        queues: In any of these queues.
        batch_id: Handed in with this batch.
        video_id: Of this video.
        text: In the title, file name or address of the video, or the beginning of the job's id.
    """

    states: tuple[JobState, ...] = ()
    kinds: tuple[JobKind, ...] = ()
    queues: tuple[QueueName, ...] = ()
    batch_id: str | None = None
    video_id: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class JobOrder:
    """In which order; jobs that are equal in it are told apart by their ids.

    Attributes:
        by: By what. ``priority`` downwards is the order in which waiting jobs are taken: the oldest of equals first.
        descending: From the largest to the smallest.
    """

    by: JobSort = "created_at"
    descending: bool = True

    @property
    def columns(self) -> tuple[tuple[InstrumentedAttribute[Any], bool], ...]:
        """Columns, each with whether it descends."""
        down = self.descending
        if self.by == "priority":
            return (Job.priority, down), (Job.created_at, not down), (Job.id, not down)
        return (Job.created_at if self.by == "created_at" else Job.updated_at, down), (Job.id, down)


def key_of(row: JobRow, order: JobOrder) -> Key:
    """Where a job stands in an order."""
    if order.by == "priority":
        return row.priority, row.created_at, row.id
    return row.created_at if order.by == "created_at" else row.updated_at, row.id


def piece(session: Session, wanted: JobFilter, order: JobOrder, size: int, after: Key | None = None) -> list[JobRow]:
    """The next jobs of a list.

    Args:
        session: The session.
        wanted: Which jobs.
        order: In which order.
        size: At most how many.
        after: :func:`key_of` the last job of the piece before.
    """
    # The ids first: what is sorted is narrow then, and titles are looked up for those that are shown only.
    ids = _filtered(select(Job.id), wanted)
    if after is not None:
        ids = ids.where(_behind(order, after))
    found = ids.order_by(*_order(order)).limit(size).subquery()
    return rows(session, select_jobs().join(found, found.c.id == Job.id).order_by(*_order(order)))


def count(session: Session, wanted: JobFilter) -> int:
    """How many jobs there are."""
    return session.scalar(_filtered(select(func.count(Job.id)), wanted)) or 0


def counts(session: Session, wanted: JobFilter) -> dict[JobState, int]:
    """How many jobs are in which state, the filter's own states aside; only states that occur."""
    query = _filtered(select(Job.state, func.count(Job.id)), wanted, with_states=False).group_by(Job.state)
    return {JobState(state): found for state, found in session.execute(query)}


def _order(order: JobOrder) -> list[ColumnElement[Any]]:
    return [column.desc() if down else column.asc() for column, down in order.columns]


def _behind(order: JobOrder, after: Key) -> ColumnElement[bool]:
    """(a, b, c) behind (x, y, z): a > x, or a = x and b > y, or a = x and b = y and c > z."""
    alternatives: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for (column, down), value in zip(order.columns, after, strict=True):
        alternatives.append(and_(*equal, column < value if down else column > value))
        equal.append(column == value)
    first, value = order.columns[0], after[0]
    # says the same once more, in a form by which an index can be entered
    bound = first[0] <= value if first[1] else first[0] >= value
    return and_(bound, or_(*alternatives))


def _filtered(query: Filtered, wanted: JobFilter, *, with_states: bool = True) -> Filtered:
    query = query.where(IS_WHOLE)
    if wanted.states and with_states:
        query = query.where(Job.state.in_(wanted.states))
    if wanted.kinds:
        query = query.where(Job.kind.in_(wanted.kinds))
    if wanted.queues:
        query = query.where(Job.queue.in_(wanted.queues))
    if wanted.batch_id is not None:
        query = query.where(Job.batch_id == wanted.batch_id)
    if wanted.video_id is not None:
        query = query.where(Job.video_id == wanted.video_id)
    if wanted.text:
        query = query.where(_matches(wanted.text))
    return query


def _matches(text: str) -> ColumnElement[bool]:
    words = text.split()
    if not words:
        return false()
    video = aliased(Video)
    places = (video.title, video.file_name, video.source_url)
    everywhere = [or_(*(place.icontains(word, autoescape=True) for place in places)) for word in words]
    videos = select(video.id).where(*everywhere)
    return or_(Job.video_id.in_(videos), Job.id.startswith(words[0].lower(), autoescape=True))
