from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.domain import JobKind, JobState, QueueName
from app.errors import JobCancelledError, JobLostError
from app.models import Job, Video, utc_now
from app.storage import jobs, videos
from app.storage.database import Database
from tests.unit.storage.rows import make_video


@pytest.fixture
def job_id(database: Database) -> str:
    """A job that waits."""
    with database.write() as session:
        return jobs.add(session, JobKind.PROCESS_VIDEO, params={"interval": 0.5}).id


def load(database: Database, job_id: str) -> Job:
    with database.session() as session:
        job = jobs.get(session, job_id)
    assert job is not None
    return job


def claim(database: Database, job_id: str, seconds: float = 60, owner: str = "here:1:1", **values: Any) -> str | None:
    with database.write() as session:
        return jobs.claim(session, job_id, owner, seconds, **values)


def taken(database: Database, job_id: str, **values: Any) -> str:
    token = claim(database, job_id, **values)
    assert token is not None
    return token


def test_a_new_job_waits(database: Database, job_id: str) -> None:
    job = load(database, job_id)
    assert (job.state, job.kind, job.step) == (JobState.QUEUED, JobKind.PROCESS_VIDEO, "waiting")
    assert isinstance(job.state, JobState) and not job.state.is_final
    assert job.params == {"interval": 0.5} and job.attempts == 0 and job.next_sample == 0


def test_what_does_not_exist_is_none(database: Database) -> None:
    with database.session() as session:
        assert jobs.get(session, "nothing") is None
        assert jobs.latest_for_video(session, 1) is None
    assert claim(database, "nothing") is None


def test_a_claim_makes_it_run(database: Database, job_id: str) -> None:
    token = taken(database, job_id, owner="here:7:123")
    job = load(database, job_id)
    assert (job.state, job.lease_token, job.lease_owner, job.attempts) == (JobState.RUNNING, token, "here:7:123", 1)
    assert job.started_at is not None and job.lease_expires_at is not None
    assert claim(database, job_id) is None


def test_a_job_that_was_taken_from_its_worker_is_fenced_against_it(database: Database, job_id: str) -> None:
    old = taken(database, job_id)
    with database.write() as session:
        assert jobs.requeue_stale(session, utc_now(), lambda _lease: True) == [job_id]
    new = taken(database, job_id)
    for write in fenced_writes(old):
        with pytest.raises(JobLostError), database.write() as session:
            write(session, job_id)
    job = load(database, job_id)
    assert (job.lease_token, job.attempts, job.next_sample, job.state) == (new, 2, 0, JobState.RUNNING)


def fenced_writes(token: str) -> list[Any]:
    return [
        lambda session, job_id: jobs.heartbeat(session, job_id, token, 60),
        lambda session, job_id: jobs.report(session, job_id, token, 60, done=5.0),
        lambda session, job_id: jobs.checkpoint(session, job_id, token, 8, 60, done=8.0),
        lambda session, job_id: jobs.succeed(session, job_id, token),
        lambda session, job_id: jobs.fail(session, job_id, token, "code", "sentence"),
        lambda session, job_id: jobs.release(session, job_id, token),
        lambda session, job_id: jobs.hand_over(session, job_id, token, QueueName.VISION),
        lambda session, job_id: jobs.retry_later(session, job_id, token, "code", "sentence"),
        lambda session, job_id: jobs.look(session, job_id, token),
    ]


@pytest.mark.parametrize("ending", ["succeed", "fail"])
def test_nothing_is_written_after_the_end(database: Database, job_id: str, ending: str) -> None:
    token = taken(database, job_id)
    with database.write() as session:
        if ending == "succeed":
            jobs.succeed(session, job_id, token, note="The file is cut off.")
        else:
            jobs.fail(session, job_id, token, "unreadable_media", "This is no video.")
    job = load(database, job_id)
    assert job.state.is_final and job.finished_at is not None
    assert job.lease_token is None and job.lease_owner is None and job.lease_expires_at is None
    expected = ("done", "The file is cut off.", None) if ending == "succeed" else ("waiting", None, "This is no video.")
    assert (job.step, job.note, job.error) == expected
    for write in fenced_writes(token):
        with pytest.raises(JobLostError), database.write() as session:
            write(session, job_id)
    assert claim(database, job_id) is None
    with database.write() as session:
        assert not jobs.request_cancel(session, job_id)


def test_progress_writes_only_what_is_given(database: Database, job_id: str) -> None:
    token = taken(database, job_id)
    with database.write() as session:
        jobs.report(session, job_id, token, 60, step="looking", done=3.0, total=10.0, speed=2.0, seconds_left=3.5)
        jobs.report(session, job_id, token, 60, done=4.0, seconds_left=None)
        jobs.checkpoint(session, job_id, token, 8, 60, faces_found=5)
    job = load(database, job_id)
    assert (job.step, job.done, job.total, job.speed, job.seconds_left) == ("looking", 4.0, 10.0, 2.0, None)
    assert (job.next_sample, job.faces_found) == (8, 5)


def test_a_heartbeat_renews_the_lease_without_announcing_a_change(database: Database, job_id: str) -> None:
    token = taken(database, job_id, seconds=1)
    before = load(database, job_id)
    with database.write() as session:
        jobs.heartbeat(session, job_id, token, 1000)
    after = load(database, job_id)
    assert after.updated_at == before.updated_at
    assert after.lease_expires_at is not None and after.lease_expires_at > utc_now() + timedelta(seconds=900)


def test_the_fence_belongs_to_the_transaction(database: Database, job_id: str) -> None:
    """What is stored beside a checkpoint that fails is not stored."""
    token = taken(database, job_id)
    with database.write() as session:
        jobs.request_cancel(session, job_id)
    with pytest.raises(JobCancelledError), database.write() as session:
        make_video(session)
        jobs.checkpoint(session, job_id, token, 1, 60)
    with database.session() as session:
        assert session.scalars(select(Video)).all() == []


@pytest.mark.parametrize("running", [False, True], ids=["waiting", "running"])
def test_cancelling_is_at_once_and_the_worker_learns_it(database: Database, job_id: str, running: bool) -> None:
    token = claim(database, job_id) if running else None
    with database.write() as session:
        assert jobs.request_cancel(session, job_id)
        assert jobs.is_cancelled(session, job_id)
        assert not jobs.request_cancel(session, job_id)
    assert load(database, job_id).state == JobState.CANCELLED
    assert claim(database, job_id) is None
    if token:
        for write in fenced_writes(token):
            with pytest.raises(JobCancelledError), database.write() as session:
                write(session, job_id)


def test_a_job_that_was_deleted_is_cancelled_and_lost(database: Database) -> None:
    with database.write() as session:
        video = make_video(session)
        job = jobs.add(session, JobKind.PROCESS_VIDEO, video_id=video.id)
    token = taken(database, job.id)
    with database.write() as session:
        videos.remove(session, video.id)
        assert jobs.is_cancelled(session, job.id)
    with pytest.raises(JobLostError), database.write() as session:
        jobs.heartbeat(session, job.id, token, 60)


def test_giving_a_job_back_does_not_count_as_an_attempt(database: Database, job_id: str) -> None:
    token = taken(database, job_id)
    with database.write() as session:
        jobs.checkpoint(session, job_id, token, 16, 60)
        jobs.release(session, job_id, token)
    job = load(database, job_id)
    assert (job.state, job.attempts, job.next_sample, job.lease_token) == (JobState.QUEUED, 0, 16, None)
    assert taken(database, job_id) != token


def test_trying_again_goes_on_at_the_checkpoint(database: Database, job_id: str) -> None:
    token = taken(database, job_id)
    with database.write() as session:
        jobs.checkpoint(session, job_id, token, 16, 60)
        assert not jobs.retry(session, job_id)
        jobs.fail(session, job_id, token, "code", "sentence")
        assert jobs.retry(session, job_id)
    job = load(database, job_id)
    assert (job.state, job.next_sample, job.attempts, job.error, job.finished_at) == (
        JobState.QUEUED,
        16,
        0,
        None,
        None,
    )


@pytest.mark.parametrize("lost", [False, True])
def test_jobs_of_lost_workers_wait_again(database: Database, job_id: str, lost: bool) -> None:
    token = taken(database, job_id, owner="here:5:99")
    asked: list[jobs.Lease] = []

    def is_lost(lease: jobs.Lease) -> bool:
        asked.append(lease)
        return lost

    with database.write() as session:
        jobs.checkpoint(session, job_id, token, 8, 10)
        assert jobs.requeue_stale(session, utc_now(), is_lost) == ([job_id] if lost else [])
    assert [(lease.name, lease.token, lease.owner) for lease in asked] == [(job_id, token, "here:5:99")]
    job = load(database, job_id)
    assert job.state == (JobState.QUEUED if lost else JobState.RUNNING)
    assert (job.next_sample, job.interruptions) == (8, int(lost))
    if lost:
        with pytest.raises(JobLostError), database.write() as session:
            jobs.heartbeat(session, job_id, token, 60)


def interrupt(database: Database) -> list[str]:
    with database.write() as session:
        return jobs.requeue_stale(session, utc_now(), lambda _lease: True, max_interruptions=3)


def test_a_job_that_kills_its_workers_is_given_up(database: Database, job_id: str) -> None:
    outcomes = []
    for _ in range(3):
        taken(database, job_id)
        outcomes.append(interrupt(database))
    assert outcomes == [[job_id], [job_id], []]
    job = load(database, job_id)
    assert (job.state, job.error_code, job.interruptions) == (JobState.FAILED, "interrupted", 3)
    assert job.error is not None and "interrupted 3 times" in job.error


def test_a_job_that_gets_on_is_never_given_up(database: Database, job_id: str) -> None:
    for number in range(6):
        token = taken(database, job_id)
        with database.write() as session:
            jobs.checkpoint(session, job_id, token, 8 * number, 60)
        assert interrupt(database) == [job_id]
    assert (load(database, job_id).interruptions, load(database, job_id).attempts) == (1, 6)


def test_only_one_grouping_waits(database: Database) -> None:
    with database.write() as session:
        first, is_new = jobs.get_or_add_cluster_job(session)
        again, is_new_again = jobs.get_or_add_cluster_job(session)
    assert (is_new, is_new_again, first.id) == (True, False, again.id)
    taken(database, first.id)
    with database.write() as session:
        second, is_new = jobs.get_or_add_cluster_job(session)
    assert is_new and second.id != first.id


def test_many_that_ask_at_once_get_the_same_grouping(database: Database) -> None:
    results: list[tuple[str, bool]] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        with database.write() as session:
            job, is_new = jobs.get_or_add_cluster_job(session)
        results.append((job.id, is_new))

    run_all(ask, 8)
    assert len(results) == 8
    assert len({job_id for job_id, _ in results}) == 1
    assert sum(is_new for _, is_new in results) == 1


def test_an_interrupted_grouping_leaves_its_work_to_the_one_that_waits(database: Database) -> None:
    with database.write() as session:
        first, _ = jobs.get_or_add_cluster_job(session)
    taken(database, first.id)
    with database.write() as session:
        second, _ = jobs.get_or_add_cluster_job(session)
        assert jobs.requeue_stale(session, utc_now(), lambda _lease: True) == []
    assert load(database, first.id).state == JobState.CANCELLED
    assert load(database, second.id).state == JobState.QUEUED


def test_of_two_interrupted_groupings_one_waits_again(database: Database) -> None:
    for _ in range(2):
        with database.write() as session:
            job, _new = jobs.get_or_add_cluster_job(session)
        taken(database, job.id)
    with database.write() as session:
        assert len(jobs.requeue_stale(session, utc_now(), lambda _lease: True)) == 1


def test_trying_a_grouping_again_beside_one_that_waits_is_refused(database: Database) -> None:
    with database.write() as session:
        first, _ = jobs.get_or_add_cluster_job(session)
        jobs.request_cancel(session, first.id)
        second, _ = jobs.get_or_add_cluster_job(session)
        assert not jobs.retry(session, first.id)
    assert load(database, second.id).state == JobState.QUEUED


def test_giving_back_a_grouping_beside_one_that_waits_ends_it(database: Database) -> None:
    with database.write() as session:
        first, _ = jobs.get_or_add_cluster_job(session)
    token = taken(database, first.id)
    with database.write() as session:
        jobs.get_or_add_cluster_job(session)
        jobs.release(session, first.id, token)
    assert load(database, first.id).state == JobState.CANCELLED


def test_of_eight_threads_one_gets_the_job(database: Database, job_id: str) -> None:
    barrier = threading.Barrier(8)
    tokens: list[str | None] = []

    def take() -> None:
        barrier.wait()
        tokens.append(claim(database, job_id))

    run_all(take, 8)
    assert sorted(token is not None for token in tokens) == [False] * 7 + [True]
    assert load(database, job_id).lease_token in tokens
    assert load(database, job_id).attempts == 1


CLAIMER = """
import sys
from app.storage import jobs
from app.storage.database import Database
database = Database(sys.argv[1])
database.ping()
print("ready", flush=True)
for job_id in sys.stdin.read().split():
    with database.write() as session:
        token = jobs.claim(session, job_id, "here:1:1", 60)
    if token:
        print(job_id, flush=True)
"""


def test_of_four_processes_one_gets_each_job(database: Database, database_url: str) -> None:
    with database.write() as session:
        ids = [jobs.add(session, JobKind.PROCESS_VIDEO).id for _ in range(25)]
    command = [sys.executable, "-c", CLAIMER, database_url]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n".join(ids))
        worker.stdin.close()
        worker.stdin = None
    won = [job_id for worker in workers for job_id in worker.communicate(timeout=60)[0].split()]
    assert [worker.returncode for worker in workers] == [0] * 4
    assert sorted(won) == sorted(ids)


def run_all(target: Any, number: int) -> None:
    threads = [threading.Thread(target=target) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_jobs_that_wait_are_listed_oldest_first(database: Database) -> None:
    with database.write() as session:
        made = [jobs.add(session, JobKind.PROCESS_VIDEO) for _ in range(3)]
        for number, job in enumerate(made):
            job.created_at = job.updated_at = utc_now() - timedelta(minutes=10 - number)
    ids = [job.id for job in made]
    taken(database, ids[1])
    with database.session() as session:
        assert jobs.waiting(session) == [ids[0], ids[2]]
        assert jobs.waiting(session, before=utc_now() - timedelta(minutes=9)) == ids[:1]
        assert jobs.waiting(session, before=utc_now() - timedelta(minutes=11)) == []


def test_the_latest_job_of_a_video(database: Database) -> None:
    with database.write() as session:
        video = make_video(session)
        older, newer = (jobs.add(session, JobKind.PROCESS_VIDEO, video_id=video.id) for _ in range(2))
        jobs.add(session, JobKind.PROCESS_VIDEO)
        older.created_at = newer.created_at - timedelta(seconds=1)
    with database.session() as session:
        latest = jobs.latest_for_video(session, video.id)
    assert latest is not None and latest.id == newer.id
