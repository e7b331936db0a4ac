"""Addresses: filed one by one or by the thousand."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import func, select

from app.domain import JobKind, JobState, QueueName, Sampling, VideoOrigin
from app.errors import AppError, InvalidInputError
from app.models import Batch, Job, Video, VideoSource
from app.services.context import Context
from app.services.filing import Submission
from app.services.ingest_links import MAX_URLS, check_url, submit_url, submit_urls
from app.services.ingest_options import IngestOptions
from app.services.jobs import get_job
from app.storage import sources as source_rows
from app.storage import videos as video_rows
from tests.library import RecordingQueue

PER_SECOND = 500


def _queue(context: Context) -> RecordingQueue:
    assert isinstance(context.queue, RecordingQueue)
    return context.queue


def test_a_link_is_a_video_with_a_source_and_a_job(context: Context) -> None:
    options = IngestOptions(interval=0.5, sampling=Sampling.SCENES, webhook_url="https://hook.example/")
    submission = submit_url(context, " https://example.org/a%20b.mp4 ", options)
    with context.database.session() as session:
        video = video_rows.get(session, submission.video_id)
        sources = source_rows.for_video(session, submission.video_id)
    job = get_job(context, submission.job_id)
    assert video is not None
    assert (video.file_name, video.source_url, video.origin) == (
        "a b.mp4",
        "https://example.org/a%20b.mp4",
        VideoOrigin.URL,
    )
    assert [(source.origin, source.address) for source in sources] == [(VideoOrigin.URL, video.source_url)]
    assert (job.queue, job.priority, job.state) == (QueueName.DOWNLOAD, 10, JobState.QUEUED)
    assert job.params == {"interval": 0.5, "sampling": "scenes", "webhook_url": "https://hook.example/"}
    assert _queue(context).sent == [(JobKind.FETCH_VIDEO, job.id)]


@pytest.mark.parametrize(
    "url",
    ["", "clip.mp4", "file:///etc/passwd", "ftp://host/a.mp4", "http://", "http://[::1", "http://host/a b", "https:/x"],
)
def test_what_is_no_web_address_is_refused(context: Context, url: str) -> None:
    with pytest.raises(InvalidInputError, match="web address"):
        submit_url(context, url)
    assert _queue(context).sent == []


def test_blanks_around_an_address_are_left_out() -> None:
    assert check_url(" https://example.org/x ") == "https://example.org/x"


def test_a_bad_address_does_not_spoil_the_others(context: Context) -> None:
    batch_id, results = submit_urls(
        context,
        ["https://example.org/a.mp4", "nonsense", " https://example.org/b%20c.mp4 "],
        IngestOptions(again=True, playlist=True, webhook_url="https://hook.example/"),
        title="Holidays",
    )
    assert isinstance(results[1], AppError)
    good = [result for result in results if isinstance(result, Submission)]
    jobs = [get_job(context, result.job_id) for result in good]
    assert [(job.batch_id, job.priority) for job in jobs] == [(batch_id, 0)] * 2
    assert jobs[0].params == {"interval": 1.0, "sampling": "adaptive", "playlist": True, "again": True}
    with context.database.session() as session:
        batch = session.get_one(Batch, batch_id)
    assert (batch.title, batch.webhook_url) == ("Holidays", "https://hook.example/")
    assert batch.params["interval"] == 1.0
    assert _queue(context).woken == [QueueName.DOWNLOAD] * 2


def test_nothing_is_filed_for_nonsense_alone(context: Context) -> None:
    batch_id, results = submit_urls(context, ["nonsense", "file:///x"])
    assert (batch_id, [type(result) for result in results]) == ("", [InvalidInputError] * 2)
    with context.database.session() as session:
        assert session.scalar(select(func.count()).select_from(Batch)) == 0
    assert _queue(context).woken == []


@pytest.mark.parametrize("urls", [[], ["https://example.org/"] * (MAX_URLS + 1)], ids=["none", "too many"])
def test_how_many_addresses_there_may_be(context: Context, urls: list[str]) -> None:
    with pytest.raises(InvalidInputError, match=r"address"):
        submit_urls(context, urls)


def test_an_address_that_is_named_twice_is_filed_once(context: Context) -> None:
    _, results = submit_urls(context, ["https://example.org/a", "https://example.org/b", "https://example.org/a "])
    first, second, third = (result for result in results if isinstance(result, Submission))
    assert (third.video_id, third.job_id) == (first.video_id, first.job_id) != (second.video_id, second.job_id)
    assert (first.duplicate, third.duplicate) == (False, True)
    with context.database.session() as session:
        assert session.scalar(select(func.count()).select_from(Video)) == 2


def test_ten_thousand_addresses_are_filed_in_order_and_in_time(context: Context) -> None:
    urls = [f"https://example.org/films/{number}.mp4" for number in range(MAX_URLS)]
    began = time.perf_counter()
    batch_id, results = submit_urls(context, urls)
    seconds = time.perf_counter() - began
    assert len(results) / seconds > PER_SECOND
    with context.database.session() as session:
        waiting = session.execute(
            select(Video.source_url, Job.id)
            .join(Job, Job.video_id == Video.id)
            .where(Job.batch_id == batch_id)
            .order_by(Job.created_at)
        ).all()
        assert session.scalar(select(func.count()).select_from(VideoSource)) == MAX_URLS
    assert [address for address, _ in waiting] == urls
    assert [job_id for _, job_id in waiting] == [result.job_id for result in results if isinstance(result, Submission)]
