"""Views of jobs, and what changed lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain import JobState, QueueName
from app.errors import NotFoundError
from app.services.context import Context
from app.services.library import cursors
from app.services.library.job_steps import Step, steps_of
from app.services.queues import limit_of
from app.storage.views import batches as batch_views
from app.storage.views import job_lists
from app.storage.views import jobs as job_views
from app.storage.views.job_lists import JobFilter, JobOrder, JobSort
from app.storage.views.shapes import BatchRow, JobRow, LibraryMark, LogLine, Parts, QueueRow

LOG_TAIL = 20
LOG_LINES = 200
MANY = 100  # changes that are told one by one; where there are more, that there are many
_KEY_TYPES: dict[JobSort, tuple[type, ...]] = {
    "created_at": (datetime, str),
    "updated_at": (datetime, str),
    "priority": (int, datetime, str),
}


@dataclass(frozen=True, slots=True)
class JobDetail:
    """A job with everything that is known of it.

    Attributes:
        job: The job.
        steps: What is done, runs, and is to come.
        parts: Its segments, where it was cut into some.
        log: The last lines of its log.
    """

    job: JobRow
    steps: list[Step]
    parts: Parts | None
    log: list[LogLine]


@dataclass(frozen=True, slots=True)
class JobList:
    """One piece of a list of jobs.

    Attributes:
        jobs: The jobs.
        next_cursor: Where the next piece begins; ``None`` at the end.
        counts: How many there are in each state of all that the filter lets through, its states aside.
        total: How many the whole list has.
    """

    jobs: list[JobRow]
    next_cursor: str | None
    counts: dict[JobState, int]
    total: int


@dataclass(frozen=True, slots=True)
class BatchList:
    """One piece of the list of batches; ``next_cursor`` is ``None`` at the end."""

    batches: list[BatchRow]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a listener has to know.

    Attributes:
        jobs: Jobs that changed after the moment asked for, oldest change first; the latest ones where there are many.
        many: Whether there are more than those.
        mark: Differs from the last one when people or the list of videos changed.
    """

    jobs: list[JobRow]
    many: bool
    mark: LibraryMark


@dataclass(frozen=True, slots=True)
class PageState:
    """What every page needs.

    Attributes:
        mark: See :class:`Changes`.
        active_jobs: Jobs that have not ended.
    """

    mark: LibraryMark
    active_jobs: int


def page_state(context: Context) -> PageState:
    """What every page needs, in two cheap statements."""
    with context.database.session() as session:
        return PageState(job_views.library_mark(session), job_views.count_active(session))


def job(context: Context, job_id: str) -> JobRow:
    """One job.

    Raises:
        NotFoundError: There is no such job.
    """
    with context.database.session() as session:
        found = job_views.job(session, job_id)
    if found is None:
        raise NotFoundError("There is no such job.")
    return found


def job_detail(context: Context, job_id: str) -> JobDetail:
    """One job with its steps, segments and the end of its log.

    Raises:
        NotFoundError: There is no such job.
    """
    with context.database.session() as session:
        found = job_views.job(session, job_id)
        if found is None:
            raise NotFoundError("There is no such job.")
        tail = job_views.log_tail(session, job_id, LOG_TAIL)
        return JobDetail(found, steps_of(found), job_views.parts(session, job_id), tail)


def job_log(context: Context, job_id: str, after: int = 0) -> list[LogLine]:
    """Lines of a job's log behind the one with an id.

    Raises:
        NotFoundError: There is no such job.
    """
    with context.database.session() as session:
        lines = job_views.log_lines(session, job_id, after=after, limit=LOG_LINES)
        if not lines and job_views.job(session, job_id) is None:
            raise NotFoundError("There is no such job.")
    return lines


def list_jobs(
    context: Context, wanted: JobFilter, order: JobOrder, *, size: int = 50, cursor: str | None = None
) -> JobList:
    """One piece of a list of jobs.

    Args:
        context: The context.
        wanted: Which jobs.
        order: In which order.
        size: At most how many.
        cursor: ``next_cursor`` of the piece before.

    Raises:
        InvalidInputError: The cursor is of another list.
    """
    name = f"jobs:{order.by}:{order.descending}"
    after = cursors.decode(name, _KEY_TYPES[order.by], cursor) if cursor else None
    with context.database.session() as session:
        found = job_lists.piece(session, wanted, order, size + 1, after)
        counts = job_views.all_states(job_lists.counts(session, wanted).items())
    jobs, more = found[:size], len(found) > size
    following = cursors.encode(name, job_lists.key_of(jobs[-1], order)) if more else None
    total = sum(count for state, count in counts.items() if not wanted.states or state in wanted.states)
    return JobList(jobs, following, counts, total)


def batch(context: Context, batch_id: str) -> BatchRow:
    """One batch with its sums.

    Raises:
        NotFoundError: There is no such batch.
    """
    with context.database.session() as session:
        found = batch_views.batch(session, batch_id)
    if found is None:
        raise NotFoundError("There is no such batch.")
    return found


def list_batches(context: Context, *, size: int = 50, cursor: str | None = None, only_open: bool = False) -> BatchList:
    """One piece of the list of batches, youngest first.

    Raises:
        InvalidInputError: The cursor is of another list.
    """
    after = cursors.decode("batches", (datetime, str), cursor) if cursor else None
    with context.database.session() as session:
        found = batch_views.batches(session, size + 1, after, only_open=only_open)  # type: ignore[arg-type]  # by decode
    batches, more = found[:size], len(found) > size
    following = cursors.encode("batches", (batches[-1].created_at, batches[-1].id)) if more else None
    return BatchList(batches, following)


def queues(context: Context) -> list[QueueRow]:
    """All queues, with what people set for them and what is in them."""
    with context.database.session() as session:
        changed, counts = batch_views.queue_settings(session), batch_views.queue_counts(session)
    found = []
    for name in QueueName:
        row = changed.get(name)
        chosen = row.concurrency if row is not None else None
        running, waiting = counts[name][JobState.RUNNING], counts[name][JobState.QUEUED]
        limit = limit_of(context.settings, name) if chosen is None else chosen
        found.append(QueueRow(name, row is not None and row.paused, limit, chosen is None, running, waiting))
    return found


def changes(context: Context, since: datetime, *, batch_id: str | None = None) -> Changes:
    """What changed after a moment, perhaps only in a batch; two cheap statements."""
    with context.database.session() as session:
        jobs = job_views.changed_jobs(session, since, MANY + 1, batch_id=batch_id)
        mark = job_views.library_mark(session)
    return Changes(jobs[-MANY:], len(jobs) > MANY, mark)
