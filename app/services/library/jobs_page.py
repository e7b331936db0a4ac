"""What the page of all jobs shows: a little of everything, or one kind of it piece by piece."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.domain import JobState
from app.services.context import Context
from app.services.library.jobs import batch, list_jobs, queues
from app.storage.views import batches as batch_views
from app.storage.views import job_lists
from app.storage.views import jobs as job_views
from app.storage.views.job_lists import JobFilter, JobOrder
from app.storage.views.shapes import BatchRow, JobRow, QueueRow

FEW = 15  # of each section where all are shown
MANY = 50  # of one section alone
OPEN_BATCHES = 8
ENDED_BATCHES = 3


@dataclass(frozen=True, slots=True)
class Section:
    """Jobs that belong together on the page.

    Attributes:
        name: In addresses.
        states: Of these jobs.
        order: In which they stand.
    """

    name: str
    states: tuple[JobState, ...]
    order: JobOrder


SECTIONS = (
    Section("running", (JobState.RUNNING,), JobOrder("created_at", descending=False)),
    Section("waiting", (JobState.QUEUED,), JobOrder("priority")),  # whose turn comes first
    Section("paused", (JobState.PAUSED,), JobOrder("updated_at")),
    Section("failed", (JobState.FAILED,), JobOrder("updated_at")),
    Section("done", (JobState.SUCCEEDED, JobState.CANCELLED), JobOrder("updated_at")),
)


@dataclass(frozen=True, slots=True)
class SectionView:
    """A section as it stands.

    Attributes:
        name: See :class:`Section`.
        jobs: The first of its jobs, or one piece of them.
        count: How many there are.
        next_cursor: Where the next piece begins; ``None`` at the end.
    """

    name: str
    jobs: list[JobRow]
    count: int
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class JobsPage:
    """The page.

    Attributes:
        sections: Those that hold jobs; only the one that was asked for, where one was.
        counts: How many jobs each section has.
        queues: All queues.
        batches: Batches at work, then the last ones that ended.
        batch: The batch that the page is about, where it is about one.
        batch_titles: Titles of the batches that the jobs shown belong to.
    """

    sections: list[SectionView]
    counts: dict[str, int]
    queues: list[QueueRow]
    batches: list[BatchRow]
    batch: BatchRow | None
    batch_titles: dict[str, str]


def jobs_page(context: Context, wanted: JobFilter, *, only: str | None = None, cursor: str | None = None) -> JobsPage:
    """Everything the page shows.

    Args:
        context: The context.
        wanted: Which jobs, apart from their states.
        only: Name of the one section that is wanted; all where it is ``None``.
        cursor: ``next_cursor`` of its piece before.

    Raises:
        InvalidInputError: The cursor is of another list.
        NotFoundError: There is no such batch.
    """
    about = batch(context, wanted.batch_id) if wanted.batch_id else None
    with context.database.session() as session:
        by_state = job_views.all_states(job_lists.counts(session, wanted).items())
    counts = {section.name: sum(by_state[state] for state in section.states) for section in SECTIONS}
    shown = [section for section in SECTIONS if only in (None, section.name)]
    views = [_view(context, section, wanted, counts[section.name], only, cursor) for section in shown]
    sections = [view for view in views if view.jobs]
    titles = _titles(context, sections) if about is None else {}
    batches = _batches(context) if about is None else []
    return JobsPage(sections, counts, queues(context), batches, about, titles)


def _view(
    context: Context, section: Section, wanted: JobFilter, count: int, only: str | None, cursor: str | None
) -> SectionView:
    if not count:
        return SectionView(section.name, [], 0, None)
    mine = replace(wanted, states=section.states)
    if only is not None:
        found = list_jobs(context, mine, section.order, size=MANY, cursor=cursor)
        return SectionView(section.name, found.jobs, count, found.next_cursor)
    # what runs is few: as much as there are workers
    size = MANY if section.name == "running" else FEW
    with context.database.session() as session:
        jobs = job_lists.piece(session, mine, section.order, size)
    return SectionView(section.name, jobs, count, None)


def _batches(context: Context) -> list[BatchRow]:
    with context.database.session() as session:
        return batch_views.latest(session, OPEN_BATCHES, ENDED_BATCHES)


def _titles(context: Context, sections: list[SectionView]) -> dict[str, str]:
    ids = {job.batch_id for section in sections for job in section.jobs if job.batch_id}
    if not ids:
        return {}
    with context.database.session() as session:
        return batch_views.titles(session, sorted(ids))
