"""The process that downloads: as many at once as the setting says, stopped at once by a person, given back on SIGTERM."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain import JobState, QueueName
from app.models import Job
from app.services.context import Context, build_context
from app.services.ingest_links import submit_urls
from app.services.job_control import cancel_job, pause_job, resume_job
from app.services.jobs import get_job
from app.storage.jobs import waiting
from app.tasks.celery_app import make_celery
from app.tasks.queue import CeleryQueue
from tests.e2e.workers import DOWNLOADER, Worker
from tests.library import make_context
from tests.redis_server import RedisServer
from tests.website import Website, dripping

AT_ONCE = 2
DEADLINE_SECONDS = 60.0

pytestmark = pytest.mark.xdist_group("drain")


@pytest.fixture(params=["embedded", "redis"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    settings = {"allowed_fetch_hosts": "127.0.0.1", "download_concurrency": AT_ONCE}
    if request.param == "redis":
        (tmp_path / "redis").mkdir()
        with RedisServer(tmp_path / "redis") as redis:
            yield _context(tmp_path, **settings, celery_broker_url=redis.url)
    else:
        yield _context(tmp_path, **settings)


def _context(folder: Path, **settings: object) -> Context:
    made = make_context(folder, **settings)
    return build_context(made.settings, CeleryQueue(make_celery(made.settings)))


def _wait(context: Context, ids: list[str], reached, worker: Worker) -> list[Job]:
    """The jobs, once ``reached(jobs)`` is true."""
    pause, until = threading.Event(), time.monotonic() + DEADLINE_SECONDS
    while not reached(jobs := [get_job(context, job_id) for job_id in ids]):
        assert worker.lives
        assert time.monotonic() < until, [(job.state, job.step, job.done, job.error) for job in jobs]
        pause.wait(0.05)  # nothing tells of it but the rows
    return jobs


def _downloading(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs if job.state is JobState.RUNNING and job.step == "downloading" and job.done > 0]


def test_downloads_are_limited_stopped_and_given_back(context: Context) -> None:
    with Website() as site, Worker(context, options=DOWNLOADER) as worker:
        for number in range(4):
            site.pages[f"/{number}.mp4"] = dripping(site)
        links = submit_urls(context, [site.url(f"/{number}.mp4") for number in range(4)])
        with context.database.session() as session:
            ids = waiting(session)
        assert len(ids) == 4, links
        _wait(context, ids, lambda jobs: len(_downloading(jobs)) == AT_ONCE, worker)
        assert [get_job(context, job_id).state for job_id in ids[AT_ONCE:]] == [JobState.QUEUED] * 2

        cancel_job(context, ids[0])
        jobs = _wait(context, ids, lambda jobs: ids[2] in _downloading(jobs), worker)
        assert [job.state for job in jobs] == ["cancelled", "running", "running", "queued"]
        pause_job(context, ids[1])
        jobs = _wait(context, ids, lambda jobs: ids[3] in _downloading(jobs), worker)
        assert [job.state for job in jobs] == ["cancelled", "paused", "running", "running"]
        resume_job(context, ids[1])

        begun = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - begun < 8
    jobs = [get_job(context, job_id) for job_id in ids]
    assert [(job.state, job.attempts) for job in jobs[1:]] == [(JobState.QUEUED, 0)] * 3
    assert {job.queue for job in jobs} == {QueueName.DOWNLOAD}
