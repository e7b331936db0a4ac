"""Pause, resume, cancel and retry: of waiting, running and ended jobs, of batches, of jobs with segments."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from app.domain import JobKind, JobState, QueueName
from app.errors import JobLostError, JobPausedError
from app.models import Job
from app.storage import jobs
from app.storage.database import Database

Q, R, P, S, F, C = (
    JobState.QUEUED,
    JobState.RUNNING,
    JobState.PAUSED,
    JobState.SUCCEEDED,
    JobState.FAILED,
    JobState.CANCELLED,
)
BATCH = "b" * 32


def make(session: Session, state: JobState, **fields: object) -> Job:
    job = jobs.add(session, JobKind.PROCESS_VIDEO, batch_id=BATCH)
    if state is R:
        jobs.claim(session, job.id, "here:1:1", 60)
    else:
        job.state = state
    for name, value in fields.items():
        setattr(job, name, value)
    session.flush()
    session.refresh(job)
    return job


def state_of(database: Database, job_id: str) -> JobState:
    with database.session() as session:
        job = jobs.get(session, job_id)
    assert job is not None
    return job.state


Verb = Callable[[Session, str], bool]


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        (jobs.pause, Q, P),
        (jobs.pause, R, P),
        (jobs.pause, P, None),
        (jobs.pause, S, None),
        (jobs.pause, F, None),
        (jobs.resume, P, Q),
        (jobs.resume, Q, None),
        (jobs.resume, R, None),
        (jobs.resume, C, None),
        (jobs.retry, F, Q),
        (jobs.retry, C, Q),
        (jobs.retry, P, None),
        (jobs.retry, S, None),
        (jobs.retry, R, None),
        (jobs.request_cancel, Q, C),
        (jobs.request_cancel, R, C),
        (jobs.request_cancel, P, C),
        (jobs.request_cancel, S, None),
        (jobs.request_cancel, F, None),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_what_may_be_done_to_a_job(database: Database, verb: Verb, before: JobState, after: JobState | None) -> None:
    with database.write() as session:
        job = make(session, before)
    with database.write() as session:
        assert verb(session, job.id) is (after is not None)
    assert state_of(database, job.id) == (after or before)
    with database.write() as session:
        assert verb(session, "nothing") is False


def test_a_worker_learns_that_its_job_was_paused_and_a_second_one_goes_on(database: Database) -> None:
    with database.write() as session:
        job = make(session, R)
        token = job.lease_token
        assert token is not None
        jobs.checkpoint(session, job.id, token, 16, 60)
        jobs.look(session, job.id, token)
        assert jobs.pause(session, job.id)
    for write in (jobs.look, lambda s, i, t: jobs.report(s, i, t, 60, done=1.0)):
        with pytest.raises(JobPausedError), database.write() as session:
            write(session, job.id, token)
    with database.write() as session:
        assert jobs.claim(session, job.id, "here:1:1", 60) is None
        assert jobs.resume(session, job.id)
        assert jobs.claim(session, job.id, "here:2:2", 60)
    with pytest.raises(JobLostError), database.write() as session:
        jobs.look(session, job.id, token)
    with database.session() as session:
        row = jobs.get(session, job.id)
    assert row is not None and (row.next_sample, row.attempts) == (16, 1)


def test_trying_again_forgets_what_went_wrong(database: Database) -> None:
    with database.write() as session:
        job = make(session, F, error="It broke.", error_code="broken", failures=4, interruptions=5, next_sample=24)
        assert jobs.retry(session, job.id)
    with database.session() as session:
        row = jobs.get(session, job.id)
    assert row is not None
    assert (row.error, row.error_code, row.failures, row.interruptions, row.next_sample) == (None, None, 0, 0, 24)


@pytest.mark.parametrize(
    ("verb", "after"),
    [
        (jobs.pause_batch, [P, P, P, S, F, C]),
        (jobs.resume_batch, [Q, R, Q, S, F, C]),
        (jobs.cancel_batch, [C, C, C, S, F, C]),
        (jobs.retry_batch, [Q, R, P, S, Q, Q]),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_what_is_done_to_a_batch_is_done_to_those_it_fits(
    database: Database, verb: Callable[[Session, str], list[str]], after: list[JobState]
) -> None:
    before = [Q, R, P, S, F, C]
    with database.write() as session:
        ids = [make(session, state).id for state in before]
        other = jobs.add(session, JobKind.PROCESS_VIDEO).id
    with database.write() as session:
        changed = verb(session, BATCH)
    assert [state_of(database, job_id) for job_id in ids] == after
    assert sorted(changed) == sorted(i for i, was, now in zip(ids, before, after, strict=True) if was is not now)
    assert state_of(database, other) is Q


def test_a_paused_grouping_is_not_set_going_beside_one_that_waits(database: Database) -> None:
    with database.write() as session:
        first, _ = jobs.get_or_add_cluster_job(session)
        assert jobs.pause(session, first.id)
        second, is_new = jobs.get_or_add_cluster_job(session)
        assert is_new
        assert not jobs.resume(session, first.id)
        assert jobs.claim(session, second.id, "here:1:1", 60)
        assert jobs.resume(session, first.id)


def family(session: Session, *children: JobState) -> tuple[str, list[str]]:
    """A job that was cut into segments, which are in these states."""
    parent = make(session, R)
    assert parent.lease_token is not None
    params = [{"first_sample": 8 * number} for number in range(len(children))]
    ids = jobs.add_children(session, parent, parent.lease_token, params, [8.0] * len(children))
    for job_id, state in zip(ids, children, strict=True):
        if state is R:
            jobs.claim(session, job_id, "here:1:1", 60)
        elif state is not Q:
            session.get_one(Job, job_id).state = state
    session.flush()
    return parent.id, ids


@pytest.mark.parametrize("by_segment", [False, True], ids=["the whole", "a segment"])
@pytest.mark.parametrize(
    ("verbs", "parent_after", "after"),
    [
        ([jobs.request_cancel], C, [S, C, C]),
        ([jobs.pause], P, [S, P, P]),
        ([jobs.pause, jobs.resume], R, [S, Q, Q]),
        ([jobs.request_cancel, jobs.retry], R, [S, Q, Q]),
        ([jobs.pause, jobs.request_cancel], C, [S, C, C]),
    ],
    ids=["cancel", "pause", "resume", "retry", "cancel while paused"],
)
def test_segments_go_with_the_whole(
    database: Database, verbs: list[Verb], parent_after: JobState, after: list[JobState], by_segment: bool
) -> None:
    with database.write() as session:
        parent, children = family(session, S, R, Q)
    for verb in verbs:
        with database.write() as session:
            assert verb(session, children[1] if by_segment else parent)
    assert state_of(database, parent) is parent_after
    assert [state_of(database, child) for child in children] == after


def test_a_batch_counts_videos_and_not_their_segments(database: Database) -> None:
    with database.write() as session:
        parent, children = family(session, S, R)
        assert jobs.pause_batch(session, BATCH) == [parent]
        assert jobs.resume_batch(session, BATCH) == [parent]
        assert jobs.cancel_batch(session, BATCH) == [parent]
        assert jobs.retry_batch(session, BATCH) == [parent]
    assert [state_of(database, child) for child in children] == [S, Q]


def test_a_whole_whose_segments_are_done_waits_for_a_worker_when_it_is_resumed(database: Database) -> None:
    with database.write() as session:
        parent, _ = family(session, S, S)
        assert jobs.pause(session, parent)
        assert jobs.resume(session, parent)
    assert state_of(database, parent) is Q
    with database.write() as session:
        job = jobs.claim_next(session, QueueName.VISION, "here:1:1", 60)
    assert job is not None and job.id == parent
