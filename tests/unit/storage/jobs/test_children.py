"""Segments: made in one go, summed up, ended by the last one, failed by one; also when two end at the same moment."""

from __future__ import annotations

import threading

import pytest

from app.domain import JobKind, JobState, QueueName
from app.errors import JobLostError
from app.models import Job, utc_now
from app.storage import jobs
from app.storage.database import Database


@pytest.fixture
def parent_id(database: Database) -> str:
    """A job that a worker has begun."""
    with database.write() as session:
        job = jobs.add(session, JobKind.PROCESS_VIDEO, batch_id="b" * 32, priority=4)
        assert jobs.claim(session, job.id, "here:1:1", 60)
        return job.id


def split(database: Database, parent_id: str, number: int = 3) -> list[str]:
    with database.write() as session:
        parent = jobs.get(session, parent_id)
        assert parent is not None and parent.lease_token is not None
        params = [{"first_sample": 8 * place, "end_sample": 8 * place + 8} for place in range(number)]
        return jobs.add_children(session, parent, parent.lease_token, params, [8.0] * number)


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


def test_segments_are_like_their_whole_and_come_in_order(database: Database, parent_id: str) -> None:
    ids = split(database, parent_id)
    with database.session() as session:
        found = jobs.children_of(session, parent_id)
    assert [child.id for child in found] == ids
    assert [child.params["first_sample"] for child in found] == [0, 8, 16]
    assert {(c.kind, c.queue, c.batch_id, c.priority, c.state) for c in found} == {
        (JobKind.SEGMENT, QueueName.VISION, "b" * 32, 4, JobState.QUEUED)
    }
    whole = load(database, parent_id)
    assert (whole.state, whole.lease_token, whole.total, whole.step) == (JobState.RUNNING, None, 24.0, "looking")


def test_an_attempt_that_was_given_up_cuts_nothing(database: Database, parent_id: str) -> None:
    with database.write() as session:
        parent = jobs.get(session, parent_id)
        assert parent is not None
        with pytest.raises(JobLostError):
            jobs.add_children(session, parent, "another", [{}], [None])
        assert jobs.children_of(session, parent_id) == []


def test_progress_is_the_sum(database: Database, parent_id: str) -> None:
    ids = split(database, parent_id)
    tokens = [take(database, job_id) for job_id in ids[:2]]
    with database.write() as session:
        jobs.report(session, ids[0], tokens[0], 60, done=4.0, faces_found=3, speed=2.0)
        jobs.report(session, ids[1], tokens[1], 60, done=2.0, faces_found=1, speed=1.0)
        jobs.refresh_parent(session, parent_id)
    whole = load(database, parent_id)
    assert (whole.done, whole.total, whole.faces_found, whole.speed, whole.seconds_left) == (6.0, 24.0, 4, 3.0, 6.0)


def test_the_last_segment_lets_the_whole_go_on(database: Database, parent_id: str) -> None:
    states = []
    for job_id in split(database, parent_id):
        token = take(database, job_id)
        with database.write() as session:
            jobs.checkpoint(session, job_id, token, 8, 60, done=8.0)
            jobs.succeed(session, job_id, token)
        states.append(load(database, parent_id).state)
    assert states == [JobState.RUNNING, JobState.RUNNING, JobState.QUEUED]
    whole = load(database, parent_id)
    assert (whole.done, whole.priority) == (24.0, 5)
    with database.write() as session:
        assert jobs.add(session, JobKind.PROCESS_VIDEO, priority=4)
        job = jobs.claim_next(session, QueueName.VISION, "here:1:1", 60)
    assert job is not None and job.id == parent_id


def test_two_that_end_at_the_same_moment_agree_who_is_last(database: Database, parent_id: str) -> None:
    ids = split(database, parent_id, 6)
    tokens = [take(database, job_id) for job_id in ids]
    barrier = threading.Barrier(len(ids))

    def end(job_id: str, token: str) -> None:
        barrier.wait()
        with database.write() as session:
            jobs.succeed(session, job_id, token)

    threads = [threading.Thread(target=end, args=pair) for pair in zip(ids, tokens, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert load(database, parent_id).state is JobState.QUEUED


def test_one_that_fails_fails_the_whole_and_stops_the_others(database: Database, parent_id: str) -> None:
    ids = split(database, parent_id)
    token = take(database, ids[1])
    take(database, ids[2])
    with database.write() as session:
        jobs.fail(session, ids[1], token, "unreadable_media", "This video cannot be read.")
    assert [load(database, job_id).state for job_id in ids] == [JobState.CANCELLED, JobState.FAILED, JobState.CANCELLED]
    whole = load(database, parent_id)
    assert (whole.state, whole.error) == (JobState.FAILED, "This video cannot be read.")
    with database.write() as session:
        assert jobs.retry(session, parent_id)
    assert {load(database, job_id).state for job_id in ids} == {JobState.QUEUED}
    assert load(database, parent_id).state is JobState.RUNNING


def test_recovery_leaves_a_whole_alone_that_waits_for_segments(database: Database, parent_id: str) -> None:
    ids = split(database, parent_id, 1)
    token = take(database, ids[0])
    with database.write() as session:
        assert jobs.requeue_stale(session, utc_now(), lambda _lease: False) == []
        assert jobs.requeue_stale(session, utc_now(), lambda _lease: True) == ids
    assert load(database, parent_id).state is JobState.RUNNING
    with pytest.raises(JobLostError), database.write() as session:
        jobs.succeed(session, ids[0], token)


def test_recovery_sets_a_whole_going_whose_segments_are_gone(database: Database, parent_id: str) -> None:
    ids = split(database, parent_id, 1)
    with database.write() as session:
        session.delete(session.get_one(Job, ids[0]))
    with database.write() as session:
        assert jobs.requeue_stale(session, utc_now(), lambda _lease: False) == [parent_id]


def test_a_segment_that_kills_its_workers_fails_the_whole(database: Database, parent_id: str) -> None:
    ids = split(database, parent_id, 2)
    take(database, ids[0])
    with database.write() as session:
        assert jobs.requeue_stale(session, utc_now(), lambda _lease: True, max_interruptions=1) == []
    whole = load(database, parent_id)
    assert (whole.state, whole.error_code) == (JobState.FAILED, "interrupted")
    assert load(database, ids[1]).state is JobState.CANCELLED
