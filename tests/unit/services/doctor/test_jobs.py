from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.domain import JobKind, JobState
from app.models import Job, utc_now
from app.services.context import Context
from app.services.owners import current_owner
from tests.library import Library, ago
from tests.unit.services.doctor.conftest import Examine, codes

GONE = f"{current_owner().split(':', 1)[0]}:999999999:1"


@pytest.fixture
def jobs(library: Context) -> Library:
    made = Library.__new__(Library)
    made.context = library
    return made


def state(context: Context, job_id: str) -> JobState:
    with context.database.session() as session:
        return session.get_one(Job, job_id).state


def lease(owner: str, **fields: object) -> dict[str, object]:
    return {"lease_token": "t", "lease_owner": owner, "lease_expires_at": utc_now() + timedelta(days=1), **fields}


def test_a_job_whose_worker_is_gone(library: Context, jobs: Library, look: Examine) -> None:
    job = jobs.job(1, state=JobState.RUNNING, **lease(GONE))
    assert codes(look()) == ["stale_jobs"]
    assert state(library, job) is JobState.QUEUED
    assert look().findings == []


def test_a_job_that_is_worked_on(library: Context, jobs: Library, look: Examine) -> None:
    here = jobs.job(1, state=JobState.RUNNING, **lease(current_owner()))
    elsewhere = jobs.job(1, state=JobState.RUNNING, **lease("other-machine:1:1"))
    assert look().findings == []
    assert {state(library, job) for job in (here, elsewhere)} == {JobState.RUNNING}


def test_a_worker_of_another_machine_that_was_silent_for_long(library: Context, jobs: Library, look: Examine) -> None:
    job = jobs.job(1, state=JobState.RUNNING, **lease("other-machine:1:1", lease_expires_at=ago(hours=5)))
    assert codes(look()) == ["stale_jobs"]
    assert state(library, job) is JobState.QUEUED


def test_jobs_of_deleted_videos(library: Context, jobs: Library, look: Examine) -> None:
    job = jobs.job(None, state=JobState.QUEUED)
    group = jobs.job(None, kind=JobKind.EXPORT, state=JobState.QUEUED)
    assert codes(look()) == ["jobs_without_video"]
    assert (state(library, job), state(library, group)) == (JobState.FAILED, JobState.QUEUED)
    assert look().findings == []


def test_segments_without_their_whole(library: Context, jobs: Library, look: Examine) -> None:
    ended = jobs.job(1, state=JobState.CANCELLED)
    child = jobs.job(1, kind=JobKind.SEGMENT, state=JobState.QUEUED, parent_id=ended)
    orphan = jobs.job(1, kind=JobKind.SEGMENT, state=JobState.QUEUED)
    with library.database.write() as session:
        session.execute(text("UPDATE job SET parent_id = NULL WHERE id = :id"), {"id": orphan})
    report = look()
    assert [(one.code, one.count) for one in report.findings] == [("lone_segments", 2)]
    assert {state(library, job) for job in (child, orphan)} == {JobState.FAILED}
    assert look().findings == []


def test_a_whole_that_waits_for_nothing(library: Context, jobs: Library, look: Examine) -> None:
    done = jobs.job(1, state=JobState.RUNNING)
    jobs.job(1, kind=JobKind.SEGMENT, state=JobState.SUCCEEDED, parent_id=done)
    assert len(codes(look())) == 1
    assert state(library, done) is JobState.QUEUED
    assert look().findings == []


def test_a_whole_that_waits_for_a_segment(library: Context, jobs: Library, look: Examine) -> None:
    parent = jobs.job(1, state=JobState.RUNNING)
    jobs.job(1, kind=JobKind.SEGMENT, state=JobState.QUEUED, parent_id=parent)
    assert look().findings == []
    assert state(library, parent) is JobState.RUNNING
