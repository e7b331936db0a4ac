"""Failures that may pass, and jobs that move on to another queue."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain import JobKind, JobState, QueueName
from app.models import Job, utc_now
from app.storage import jobs
from app.storage.database import Database


@pytest.fixture
def job_id(database: Database) -> str:
    """The job of a link."""
    with database.write() as session:
        return jobs.add(session, JobKind.FETCH_VIDEO).id


def take(database: Database, job_id: str) -> str:
    with database.write() as session:
        token = jobs.claim(session, job_id, "here:1:1", 60)
    assert token is not None
    return token


def load(database: Database, job_id: str) -> Job:
    with database.session() as session:
        job = jobs.get(session, job_id)
    assert job is not None
    return job


def test_the_pauses_between_tries_grow_until_it_is_final(database: Database, job_id: str) -> None:
    now, pauses = utc_now(), []
    for _ in range(4):
        token = take(database, job_id)
        with database.write() as session:
            again = jobs.retry_later(session, job_id, token, "fetch_failed", "The site is away.", now=now)
        pauses.append(again and (again - now).total_seconds())
        job = load(database, job_id)
        assert job.error == "The site is away."
        assert (job.not_before, job.lease_token) == (again, None)
    assert pauses == [30.0, 120.0, 600.0, None]
    assert (job.state, job.attempts, job.finished_at is not None) == (JobState.FAILED, 4, True)


def test_jitter_makes_a_pause_longer(database: Database, job_id: str) -> None:
    now, token = utc_now(), take(database, job_id)
    with database.write() as session:
        again = jobs.retry_later(session, job_id, token, "code", "sentence", jitter=0.5, now=now)
    assert again == now + timedelta(seconds=45)


def test_progress_gives_back_all_tries(database: Database, job_id: str) -> None:
    for _ in range(5):
        token = take(database, job_id)
        with database.write() as session:
            jobs.checkpoint(session, job_id, token, 8, 60)
            assert jobs.retry_later(session, job_id, token, "code", "sentence") is not None
    assert load(database, job_id).failures == 1


def test_a_job_moves_on_to_another_queue_and_the_attempt_does_not_count(database: Database, job_id: str) -> None:
    token = take(database, job_id)
    with database.write() as session:
        jobs.report(session, job_id, token, 60, step="downloading", done=5e6, total=5e6)
        jobs.hand_over(session, job_id, token, QueueName.VISION)
        assert jobs.claim_next(session, QueueName.DOWNLOAD, "here:1:1", 60) is None
        job = jobs.claim_next(session, QueueName.VISION, "here:1:1", 60)
    assert job is not None
    assert (job.id, job.attempts, job.done, job.total, job.step) == (job_id, 1, 0.0, None, "waiting")
