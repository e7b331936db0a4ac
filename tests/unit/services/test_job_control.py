"""Whole batches are cancelled with what they brought, at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.domain import JobKind, JobState, QueueName
from app.errors import InvalidInputError
from app.models import Job, Video
from app.services import job_control
from app.services.context import Context
from app.services.ingest_links import submit_urls
from app.services.stopped import settle
from app.storage import jobs as job_rows
from tests.library import Library, RecordingQueue, make_context


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = make_context(tmp_path)
    yield made
    made.database.dispose()


def count(context: Context, what: type[Job] | type[Video]) -> int:
    with context.database.session() as session:
        return session.scalar(select(func.count()).select_from(what)) or 0


def groupings(context: Context) -> int:
    assert isinstance(context.queue, RecordingQueue)
    return sum(kind is JobKind.CLUSTER for kind, _ in context.queue.sent)


@pytest.mark.parametrize(("keep", "left"), [(True, 4), (False, 0)])
def test_links_that_were_never_fetched(context: Context, keep: bool, left: int) -> None:
    batch, _ = submit_urls(context, [f"https://example.org/{number}.mp4" for number in range(4)])
    assert job_control.cancel_batch(context, batch, keep=keep) == 4
    assert (count(context, Video), count(context, Job)) == (left, 4)
    assert groupings(context) == 0, "nothing was found, so there is nothing to be put in order"


@pytest.mark.parametrize("keep", [True, False])
def test_what_was_found_is_left_to_the_next_grouping(context: Context, keep: bool) -> None:
    batch, submissions = submit_urls(context, ["https://example.org/a.mp4", "https://example.org/b.mp4"])
    library = Library(context)
    job, video = submissions[0].job_id, submissions[0].video_id
    library.change_job(
        job, state=JobState.RUNNING, queue=QueueName.VISION, step="looking", faces_found=2, lease_token="t"
    )
    library.track(video, None, [1.0, 2.0], linked=False)
    assert job_control.cancel_batch(context, batch, keep=keep) == 2
    assert groupings(context) == 1
    if not keep:
        assert count(context, Video) == 1, "the one that was fetched has to be looked at first"
        assert settle(context) == 1
        assert count(context, Video) == 0
    with context.database.session() as session:
        assert {found.state for found in session.scalars(select(Job).where(Job.batch_id == batch))} == {
            JobState.CANCELLED
        }


def test_concurrency_of_nothing(context: Context) -> None:
    with pytest.raises(InvalidInputError, match="pause"):
        job_control.set_concurrency(context, QueueName.VISION, 0)


def test_a_part_stands_for_the_whole(context: Context) -> None:
    library = Library(context)
    whole = library.job(library.video(state=None), state=JobState.RUNNING)
    part = library.job(kind=JobKind.SEGMENT, parent_id=whole)
    job_control.pause_job(context, part)
    with context.database.session() as session:
        assert [job_rows.get(session, job).state for job in (whole, part)] == [JobState.PAUSED] * 2
    with pytest.raises(Exception, match="cannot be tried again"):
        job_control.retry_job(context, part)
