"""A worker is killed in the middle of a video; the next one ends with the same faces. SQLite queue and Redis both."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from app.domain import Image, JobKind, JobState
from app.models import Face, Job, Person, Track
from app.services.context import Context, build_context
from app.services.ingest import submit_file
from app.services.ingest_options import IngestOptions
from app.services.jobs import get_job
from app.tasks.celery_app import make_celery
from app.tasks.queue import CeleryQueue
from tests.e2e.workers import Worker, wait_for_job
from tests.films import make_film
from tests.library import make_context

# More kills than interruptions are allowed in a row: a job that gets on between them is never given up.
KILLS_AT = {"embedded": (4, 8, 16, 24, 32, 40), "redis": (8, 24, 40)}
SAMPLES = 64

pytestmark = pytest.mark.xdist_group("kill")


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis server of our own."""
    program = shutil.which("redis-server")
    assert program, "redis-server is missing. Install it: apt-get install redis-server"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    for line in server.stdout:
        if "Ready to accept connections" in line:
            break
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(30)
    server.stdout.close()


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, grace_hopper: Image) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "long.mp4", [astronaut, grace_hopper] * 2, seconds_each=3.2)


def _context(folder: Path, models: Path, broker: str | None) -> Context:
    context = make_context(folder, models_folder=str(models), celery_broker_url=broker, max_video_size_mb=50)
    return build_context(context.settings, CeleryQueue(make_celery(context.settings)))


def _findings(context: Context) -> list[tuple]:
    with context.database.session() as session:
        faces = session.scalars(select(Face).order_by(Face.sample, Face.ordinal)).all()
        return [(f.sample, f.ordinal, f.timestamp, f.x1, f.y1, f.x2, f.y2, f.confidence, f.embedding) for f in faces]


def _people(context: Context) -> list[int]:
    with context.database.session() as session:
        assert session.scalars(select(Track).where(Track.usable, Track.person_id.is_(None))).all() == []
        return sorted(
            len(session.scalars(select(Face).where(Face.person_id == person.id)).all())
            for person in session.scalars(select(Person))
        )


def _wait_for_grouping(context: Context, worker: Worker) -> None:
    with context.database.session() as session:
        newest = select(Job).where(Job.kind == JobKind.CLUSTER).order_by(Job.created_at.desc())
        grouping = session.scalars(newest).first()
    assert grouping is not None
    wait_for_job(context, grouping.id, lambda job: job.state == JobState.SUCCEEDED, worker)


@pytest.mark.parametrize("broker", ["embedded", "redis"])
def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    broker: str, request: pytest.FixtureRequest, tmp_path: Path, models_cache: Path, long_film: Path
) -> None:
    url = request.getfixturevalue("redis_url") if broker == "redis" else None
    interval = 12.8 / SAMPLES

    calm = _context(tmp_path / "calm", models_cache, url and url[:-1] + "1")
    submission = submit_file(calm, long_film, IngestOptions(interval=interval))
    with Worker(calm) as worker:
        wait_for_job(calm, submission.job_id, lambda job: job.state == JobState.SUCCEEDED, worker)
        _wait_for_grouping(calm, worker)

    stormy = _context(tmp_path / "stormy", models_cache, url and url[:-1] + "2")
    submission = submit_file(stormy, long_film, IngestOptions(interval=interval))
    for number, progress in enumerate(KILLS_AT[broker]):
        with Worker(stormy) as worker:
            job = wait_for_job(stormy, submission.job_id, lambda job, p=progress: job.next_sample >= p, worker)
        assert get_job(stormy, job.id).state == JobState.RUNNING, f"kill {number} came too late to prove anything"
    with Worker(stormy) as worker:
        job = wait_for_job(stormy, submission.job_id, lambda job: job.state.is_final, worker)
        assert job.state == JobState.SUCCEEDED, job.error
        _wait_for_grouping(stormy, worker)

    assert job.attempts == len(KILLS_AT[broker]) + 1
    assert _findings(stormy) == _findings(calm)
    assert len(_findings(calm)) >= SAMPLES * 0.9
    assert _people(stormy) == _people(calm)
    assert len(_people(calm)) == 2
    crops = {path.name for path in stormy.settings.faces_folder.rglob("*_*.jpg")}
    assert len(crops) == len(_findings(calm))


def test_a_worker_that_is_told_to_stop_gives_its_video_back(
    tmp_path: Path, models_cache: Path, long_film: Path
) -> None:
    context = _context(tmp_path, models_cache, None)
    submission = submit_file(context, long_film, IngestOptions(interval=12.8 / SAMPLES))
    with Worker(context) as worker:
        wait_for_job(context, submission.job_id, lambda job: job.next_sample >= 8, worker)
        assert worker.stop() == 0
    job = get_job(context, submission.job_id)
    assert (job.state, job.attempts, job.lease_owner) == (JobState.QUEUED, 0, None)
    assert job.next_sample >= 8
