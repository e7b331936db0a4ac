"""The disk is full in the middle of a video: the job waits, and ends with the same faces once there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.domain import JobState
from app.models import Face, Job
from app.services.context import Context
from app.services.ingest import submit_file
from app.services.jobs import Outcome, run_job
from tests.e2e.workers import Worker, wait_for_job
from tests.library import make_context


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB under the folder of a library's crops."""
    folder = tmp_path / "library" / "faces"
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk can only be made by root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def faces_of(context: Context) -> list[tuple[object, ...]]:
    columns = (Face.sample, Face.ordinal, Face.x1, Face.y1, Face.embedding, Face.crop_key)
    with context.database.session() as session:
        return [tuple(row) for row in session.execute(select(*columns).order_by(Face.sample, Face.ordinal))]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, models_cache: Path, film: Path) -> Context:
    context = _context(tmp_path_factory.mktemp("undisturbed"), models_cache)
    assert run_job(context, submit_file(context, film).job_id) == Outcome.SUCCEEDED
    return context


def _context(folder: Path, models: Path, broker: str | None = None) -> Context:
    settings = {"models_folder": str(models), "max_video_size_mb": 50, "min_free_disk_mb": 0}
    return make_context(folder, celery_broker_url=broker, **settings)


def test_a_full_disk_costs_no_face(
    small_disk: Path, broker: str | None, tmp_path: Path, models_cache: Path, film: Path, undisturbed: Context
) -> None:
    context = _context(tmp_path / "library", models_cache, broker)
    job_id = submit_file(context, film).job_id
    filler = small_disk / "filler"
    filler.write_bytes(bytes(2_000_000))
    with Worker(context) as worker:
        job = wait_for_job(context, job_id, lambda job: job.error is not None, worker)
        assert (job.state, job.error_code) == (JobState.QUEUED, "disk_full")
        assert job.error == "The disk is full. Delete videos or make room, then try again."
        assert job.not_before is not None
    filler.unlink()
    with context.database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(not_before=None))  # as if the time had passed
    with Worker(context) as worker:
        wait_for_job(context, job_id, lambda job: job.state is JobState.SUCCEEDED, worker)
    assert faces_of(context) == faces_of(undisturbed) != []
    assert {blob.key for blob in context.blobs.list("faces")} == {row[-1] for row in faces_of(context)}
    assert list((small_disk / ".incoming").iterdir()) == []
