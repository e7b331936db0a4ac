"""Attempts: claimed once, failed with a sentence, brought back after a death, cancelled."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.domain import JobKind, JobState, QueueName
from app.errors import JobCancelledError, JobLostError, NotFoundError
from app.models import Job
from app.services import jobs as jobs_module
from app.services.context import Context
from app.services.grouping import request_clustering, request_clustering_of_news
from app.services.ingest import finish_upload
from app.services.job_control import cancel_job
from app.services.job_run import JobRun
from app.services.jobs import Outcome, get_job, recover_jobs, run_job
from app.services.owners import current_owner, is_owner_alive
from app.services.uploads import begin_upload
from app.storage import jobs as job_rows
from tests.library import Library, RecordingQueue
from tests.videos import make_empty_video, make_sound, tiny_video


def _submit(context: Context, data: bytes, name: str = "clip.mp4") -> str:
    sink = begin_upload(context, name)
    sink.write(data)
    return finish_upload(context, sink).job_id


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda path: path.write_bytes(b"no video at all" * 99), "not a video", id="text"),
        pytest.param(lambda path: make_sound(path.with_suffix(".m4a")).replace(path), "sound", id="sound only"),
        pytest.param(make_empty_video, "", id="no frames"),
    ],
)
def test_an_unreadable_file_fails_with_a_sentence(context: Context, tmp_path: Path, make, words: str) -> None:
    path = tmp_path / "odd.mp4"
    make(path)
    # filed past the inspection, which would have refused it
    video_id = Library(context).video(data=path.read_bytes(), state=JobState.QUEUED)
    with context.database.session() as session:
        job_id = session.scalars(select(Job.id).where(Job.video_id == video_id)).one()
    assert run_job(context, job_id) == Outcome.FAILED
    job = get_job(context, job_id)
    assert job.state == JobState.FAILED
    assert words in (job.error or "")
    assert (job.error or "").endswith(".")
    assert str(tmp_path) not in (job.error or "")
    assert run_job(context, job_id) == Outcome.NOT_CLAIMED


def test_a_fault_of_ours_is_told_without_details(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setitem(jobs_module.HANDLERS, JobKind.PROCESS_VIDEO, breaks)
    job_id = _submit(context, tiny_video())
    assert run_job(context, job_id) == Outcome.FAILED
    job = get_job(context, job_id)
    assert job.error_code == "internal_error"
    assert "secret" not in (job.error or "")


def test_a_job_of_a_dead_process_is_queued_again(context: Context) -> None:
    job_id = _submit(context, tiny_video())
    dead = current_owner().rpartition(":")[0] + ":1"  # our number, but another start: some process before us
    with context.database.write() as session:
        assert job_rows.claim(session, job_id, dead, 3600)
    assert not is_owner_alive(dead)
    assert recover_jobs(context) == [job_id]
    assert get_job(context, job_id).state == JobState.QUEUED
    assert isinstance(context.queue, RecordingQueue)
    assert context.queue.woken == [QueueName.VISION]


def test_a_job_of_a_living_process_is_left_alone(context: Context) -> None:
    job_id = _submit(context, tiny_video())
    with context.database.write() as session:
        assert job_rows.claim(session, job_id, current_owner(), 3600)
    assert recover_jobs(context) == []
    assert run_job(context, job_id) == Outcome.NOT_CLAIMED


@pytest.mark.parametrize(
    ("owner", "alive"),
    [
        pytest.param(current_owner(), True, id="this process"),
        pytest.param("another-machine:1:1", True, id="another machine"),
        pytest.param("nonsense", True, id="unknown form"),
        pytest.param(":".join([current_owner().split(":")[0], "4194999", "1"]), False, id="no such process"),
    ],
)
def test_owners_are_told_dead_only_for_certain(owner: str, alive: bool) -> None:
    assert is_owner_alive(owner) is alive


def test_a_cancelled_job_stops_the_attempt_at_its_next_write(context: Context) -> None:
    job_id = _submit(context, tiny_video())
    with context.database.write() as session:
        token = job_rows.claim(session, job_id, current_owner(), 3600)
        job = job_rows.get(session, job_id)
    assert token
    assert job
    run = JobRun(context, job, token)
    cancel_job(context, job_id)
    with pytest.raises(JobCancelledError):
        run.report(step="looking")
    assert get_job(context, job_id).state == JobState.CANCELLED
    with pytest.raises(NotFoundError):
        cancel_job(context, "0" * 32)


def test_an_attempt_that_lost_its_lease_cannot_write(context: Context) -> None:
    job_id = _submit(context, tiny_video())
    with context.database.write() as session:
        token = job_rows.claim(session, job_id, current_owner(), 3600)
        job = job_rows.get(session, job_id)
    assert token
    assert job
    with context.database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(lease_token="another"))
    with pytest.raises(JobLostError), context.database.write() as session:
        JobRun(context, job, token).checkpoint(session, next_sample=8, done=8, new_faces=1)
    assert get_job(context, job_id).next_sample == 0


def test_one_grouping_waits_at_a_time(context: Context) -> None:
    first = request_clustering(context)
    assert request_clustering(context) == first
    assert run_job(context, first) == Outcome.SUCCEEDED
    assert request_clustering(context) != first


def test_the_periodic_grouping_waits_for_news(context: Context, film: Path) -> None:
    assert request_clustering_of_news(context) is None
    job_id = _submit(context, film.read_bytes())
    assert run_job(context, job_id) == Outcome.SUCCEEDED
    grouping = request_clustering_of_news(context)
    assert grouping == request_clustering(context)
    assert run_job(context, grouping) == Outcome.SUCCEEDED
    assert request_clustering_of_news(context) is None
