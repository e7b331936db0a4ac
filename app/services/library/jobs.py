"""Views of jobs, and what changed lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain import JobState
from app.errors import NotFoundError
from app.services.context import Context
from app.storage.views import jobs as job_views
from app.storage.views.shapes import JobRow, LibraryMark, Page

ACTIVE_SHOWN = 200


@dataclass(frozen=True, slots=True)
class JobsView:
    """The jobs page.

    Attributes:
        running: Jobs a worker has.
        waiting: Jobs that wait, next one first.
        failed: One page of failed jobs, newest first.
        ended: One page of finished and cancelled jobs, newest first.
        counts: How many there are of each state.
        page: Which page of failed and ended jobs this is.
        pages: How many there are.
    """

    running: list[JobRow]
    waiting: list[JobRow]
    failed: list[JobRow]
    ended: list[JobRow]
    counts: dict[JobState, int]
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What a listener has to know.

    Attributes:
        jobs: Jobs that changed after the moment asked for, oldest change first.
        mark: Differs from the last one when people or the list of videos changed.
    """

    jobs: list[JobRow]
    mark: LibraryMark


@dataclass(frozen=True, slots=True)
class PageState:
    """What every page needs.

    Attributes:
        mark: See :class:`Changes`.
        active_jobs: Jobs that wait or run.
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


def jobs_view(context: Context, page: Page) -> JobsView:
    """Everything the jobs page shows."""
    whole = Page(1, ACTIVE_SHOWN)
    with context.database.session() as session:
        counts = job_views.count_jobs(session)
        running = job_views.jobs_in(session, [JobState.RUNNING], whole, oldest_first=True)
        waiting = job_views.jobs_in(session, [JobState.QUEUED], whole, oldest_first=True)
        failed = job_views.jobs_in(session, [JobState.FAILED], page)
        ended = job_views.jobs_in(session, [JobState.SUCCEEDED, JobState.CANCELLED], page)
    longest = max(counts[JobState.FAILED], counts[JobState.SUCCEEDED] + counts[JobState.CANCELLED])
    return JobsView(running, waiting, failed, ended, counts, page.number, max(1, -(-longest // page.size)))


def changes(context: Context, since: datetime) -> Changes:
    """What changed after a moment; two cheap statements."""
    with context.database.session() as session:
        return Changes(job_views.changed_jobs(session, since), job_views.library_mark(session))
