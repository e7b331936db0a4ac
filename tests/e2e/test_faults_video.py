"""Things that go wrong in the middle of a video: killed workers, a locked database, a file that is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from app.domain import Image, JobKind, JobState
from app.models import Face, Job, Track, Video
from app.services.context import Context
from app.services.ingest import submit_file
from app.services.ingest_options import IngestOptions
from app.services.job_control import retry_job
from app.services.jobs import Outcome, get_job, run_job
from app.storage import jobs as job_rows
from tests.e2e.workers import DEADLINE_SECONDS, Worker, wait_for_job
from tests.films import make_film
from tests.library import make_context

INTERVAL = 0.2  # 64 samples
SEGMENT_SECONDS = 1.6  # 8 segments
LOCKED_SECONDS = 10.0

pytestmark = pytest.mark.xdist_group("kill")


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, grace_hopper: Image) -> Path:
    path = tmp_path_factory.mktemp("film") / "long.mp4"
    return make_film(path, [astronaut, grace_hopper] * 2, seconds_each=3.2, size=(320, 240))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, models_cache: Path, long_film: Path) -> list[list[tuple]]:
    """What undisturbed work in one piece finds."""
    context = _context(tmp_path_factory.mktemp("calm"), models_cache)
    assert run_job(context, _submit(context, long_film)) is Outcome.SUCCEEDED
    return _findings(context)


def _context(folder: Path, models: Path, broker: str | None = None) -> Context:
    return make_context(folder, models_folder=str(models), celery_broker_url=broker, max_video_size_mb=50)


def _submit(context: Context, film: Path) -> str:
    return submit_file(context, film, IngestOptions(interval=INTERVAL)).job_id


def _findings(context: Context) -> list[list[tuple]]:
    faces = (
        Face.sample,
        Face.ordinal,
        Face.timestamp,
        Face.x1,
        Face.y2,
        Face.confidence,
        Face.embedding,
        Face.crop_key,
    )
    tracks = (Track.start, Track.end, Track.face_count, Track.quality, Track.embedding)
    with context.database.session() as session:
        return [
            [tuple(row) for row in session.execute(select(*faces).order_by(Face.sample, Face.ordinal))],
            [tuple(row) for row in session.execute(select(*tracks).order_by(Track.start, Track.embedding))],
        ]


def _has_exactly_its_crops(context: Context) -> bool:
    return {blob.key for blob in context.blobs.list("faces")} == {row[-1] for row in _findings(context)[0]}


def _wait(done: Callable[[], bool], what: str) -> None:
    pause, until = threading.Event(), time.monotonic() + DEADLINE_SECONDS
    while not done():
        assert time.monotonic() < until, what
        pause.wait(0.05)  # nothing tells of it but the rows


def test_segments_of_killed_workers_join_without_a_seam(
    broker: str | None,
    tmp_path: Path,
    models_cache: Path,
    long_film: Path,
    expected: list[list[tuple]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEGMENT_MINUTES", str(SEGMENT_SECONDS / 60))
    context = _context(tmp_path / "library", models_cache, broker)
    job_id = _submit(context, long_film)

    def ended() -> int:
        with context.database.session() as session:
            return sum(one.state == JobState.SUCCEEDED for one in job_rows.children_of(session, job_id))

    workers = [Worker(context, "one"), Worker(context, "two")]
    try:
        for number, least in enumerate((1, 3, 5)):
            _wait(lambda least=least: ended() >= least, f"{ended()} segments have ended")
            workers[number % 2].kill()
            workers[number % 2] = Worker(context, ("one", "two")[number % 2])
        _wait(lambda: get_job(context, job_id).state.is_final, str(get_job(context, job_id).state))
    finally:
        for worker in workers:
            worker.kill()
    job = get_job(context, job_id)
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    with context.database.session() as session:
        segments = session.scalars(select(Job).where(Job.kind == JobKind.SEGMENT)).all()
    assert [one.state for one in segments] == [JobState.SUCCEEDED] * 8
    assert _findings(context) == expected
    assert _has_exactly_its_crops(context)


def test_a_database_that_is_locked_for_ten_seconds_is_waited_for(
    broker: str | None, tmp_path: Path, models_cache: Path, long_film: Path, expected: list[list[tuple]]
) -> None:
    context = _context(tmp_path / "library", models_cache, broker)
    job_id = _submit(context, long_film)
    with Worker(context) as worker:
        wait_for_job(context, job_id, lambda job: job.next_sample >= 8, worker)
        with context.database.write() as session:
            assert session.get_one(Job, job_id).state is JobState.RUNNING
            threading.Event().wait(LOCKED_SECONDS)
        job = wait_for_job(context, job_id, lambda job: job.state.is_final, worker)
    assert (job.state, job.error, job.attempts) == (JobState.SUCCEEDED, None, 1)
    assert _findings(context) == expected
    assert _has_exactly_its_crops(context)


def test_a_file_that_is_gone_ends_the_job_with_a_sentence_and_back_again_it_goes_on(
    broker: str | None, tmp_path: Path, models_cache: Path, long_film: Path, expected: list[list[tuple]]
) -> None:
    context = _context(tmp_path / "library", models_cache, broker)
    job_id = _submit(context, long_film)
    with Worker(context) as worker:
        wait_for_job(context, job_id, lambda job: job.next_sample >= 8, worker)
    with context.database.session() as session:
        key = session.scalars(select(Video.blob_key)).one() or ""
    context.blobs.delete(key)
    with Worker(context) as worker:
        job = wait_for_job(context, job_id, lambda job: job.state.is_final, worker)
        assert (job.state, job.error_code) == (JobState.FAILED, "not_found")
        assert job.error == "The video's file is no longer in the library. Add the video again."
    context.blobs.copy(long_film, key)
    retry_job(context, job_id)
    with Worker(context) as worker:
        job = wait_for_job(context, job_id, lambda job: job.state.is_final, worker)
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert _findings(context) == expected
    assert _has_exactly_its_crops(context)
