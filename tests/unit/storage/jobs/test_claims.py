"""Whose turn it is: priority, fairness between batches, limits, pauses, waiting times; in any number of processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.domain import JobKind, JobState, QueueName
from app.models import Job, utc_now
from app.storage import jobs
from app.storage.database import Database

NOW = utc_now()


def add(
    database: Database, number: int = 1, *, batch: str | None = None, priority: int = 0, age: float = 0
) -> list[str]:
    """Jobs for the networks that were filed some seconds ago."""
    with database.write() as session:
        ids = jobs.add_many(session, JobKind.PROCESS_VIDEO, [{}] * number, batch_id=batch, priority=priority)
        for place, job_id in enumerate(ids):
            job = session.get_one(Job, job_id)
            job.created_at = NOW - timedelta(seconds=age) + timedelta(microseconds=place)
    return ids


def take(database: Database, *, limit: int | None = None, now: datetime = NOW) -> str | None:
    with database.write() as session:
        job = jobs.claim_next(session, QueueName.VISION, "here:1:1", 60, limit=limit, now=now)
    assert job is None or (job.state, job.lease_owner) == (JobState.RUNNING, "here:1:1")
    return job.id if job else None


def end(database: Database, job_id: str) -> None:
    with database.write() as session:
        job = jobs.get(session, job_id)
        assert job is not None and job.lease_token is not None
        jobs.succeed(session, job_id, job.lease_token)


def test_the_oldest_comes_first_and_then_there_is_nothing(database: Database) -> None:
    newer, older = add(database, age=1), add(database, age=2)
    assert [take(database), take(database), take(database)] == [*older, *newer, None]


def test_a_person_who_waits_comes_before_thousands(database: Database) -> None:
    add(database, 50, batch="b" * 32, age=100)
    urgent = add(database, priority=10)
    assert take(database) == urgent[0]


def test_other_queues_are_left_alone(database: Database) -> None:
    with database.write() as session:
        download = jobs.add(session, JobKind.FETCH_VIDEO).id
        jobs.add(session, JobKind.CLUSTER)
        jobs.add(session, JobKind.EXPORT)
    assert take(database) is None
    with database.write() as session:
        assert not jobs.can_start(session, QueueName.VISION)
        assert jobs.can_start(session, QueueName.DOWNLOAD)
        job = jobs.claim_next(session, QueueName.DOWNLOAD, "here:1:1", 60)
    assert job is not None and job.id == download


def test_batches_take_turns_however_much_longer_one_waits(database: Database) -> None:
    first, second = add(database, 4, batch="a" * 32, age=100), add(database, 2, batch="b" * 32, age=50)
    served = []
    for number in range(6):
        job_id = take(database, now=NOW + timedelta(seconds=number))
        assert job_id is not None
        served.append(job_id)
        end(database, job_id)
    assert served == [first[0], second[0], first[1], second[1], first[2], first[3]]


def test_thousands_in_two_batches_and_somebody_who_waits_at_the_page(database: Database) -> None:
    with database.write() as session:
        large = set(jobs.add_many(session, JobKind.PROCESS_VIDEO, [{}] * 5000, batch_id="a" * 32))
        small = set(jobs.add_many(session, JobKind.PROCESS_VIDEO, [{}] * 2000, batch_id="b" * 32))
    served = []
    for number in range(20):
        if number == 10:
            with database.write() as session:
                person = jobs.add(session, JobKind.PROCESS_VIDEO, priority=10).id
        job_id = take(database, now=utc_now())
        assert job_id is not None
        served.append(job_id)
        end(database, job_id)
    assert served[10] == person
    assert [sum(job_id in batch for job_id in served) for batch in (large, small)] in ([10, 9], [9, 10])


def test_of_batches_the_one_with_the_fewest_running_jobs_is_served(database: Database) -> None:
    first = add(database, 5, batch="a" * 32, age=100)
    assert [take(database) for _ in range(2)] == first[:2]
    second = add(database, 5, batch="b" * 32, age=1)
    taken = [take(database, now=NOW + timedelta(seconds=number)) for number in range(1, 4)]
    assert taken[:2] == second[:2]
    assert taken[2] in (first[2], second[2])


def test_a_job_alone_waits_for_one_turn_only(database: Database) -> None:
    batch = add(database, 20, batch="a" * 32, age=100)
    first = take(database)
    assert first == batch[0]
    end(database, batch[0])
    alone = add(database, age=-1)  # filed after the batch was served
    order = []
    for number in range(2, 4):
        job_id = take(database, now=NOW + timedelta(seconds=number))
        assert job_id is not None
        order.append(job_id)
        end(database, job_id)
    assert order == [batch[1], alone[0]]


def test_no_more_run_than_the_limit_says(database: Database) -> None:
    ids = add(database, 5)
    assert [take(database, limit=2) for _ in range(3)] == [ids[0], ids[1], None]
    with database.session() as session:
        assert not jobs.can_start(session, QueueName.VISION, limit=2)
        assert jobs.can_start(session, QueueName.VISION, limit=3)
    end(database, ids[0])
    assert take(database, limit=2) == ids[2]


def test_what_a_person_set_for_a_queue_wins(database: Database) -> None:
    ids = add(database, 3)
    with database.write() as session:
        jobs.set_concurrency(session, QueueName.VISION, 1)
    assert [take(database, limit=5), take(database, limit=5)] == [ids[0], None]
    with database.write() as session:
        jobs.set_concurrency(session, QueueName.VISION, None)
        jobs.set_paused(session, QueueName.VISION, True)
        assert jobs.settings(session)[QueueName.VISION] == jobs.QueueSetting(paused=True, concurrency=None)
        assert jobs.settings(session)[QueueName.EXPORT] == jobs.QueueSetting()
    assert take(database) is None
    with database.session() as session:
        assert not jobs.can_start(session, QueueName.VISION)
    with database.write() as session:
        jobs.set_paused(session, QueueName.VISION, False)
    assert take(database) == ids[1]


def test_a_job_that_waits_for_its_next_try_is_passed_over(database: Database) -> None:
    later, urgent = add(database, age=9, priority=5), add(database, 2, batch="a" * 32)
    with database.write() as session:
        for job_id in (*later, urgent[0]):
            session.get_one(Job, job_id).not_before = NOW + timedelta(seconds=30)
    assert [take(database), take(database)] == [urgent[1], None]
    with database.session() as session:
        assert not jobs.can_start(session, QueueName.VISION, now=NOW + timedelta(seconds=29))
        assert jobs.can_start(session, QueueName.VISION, now=NOW + timedelta(seconds=30))
    assert take(database, now=NOW + timedelta(seconds=30)) == later[0]


def test_a_clock_that_was_put_back_keeps_no_job_from_its_next_try(database: Database) -> None:
    (job_id,) = add(database)
    with database.write() as session:
        session.get_one(Job, job_id).not_before = NOW + timedelta(seconds=30)
    assert take(database, now=NOW - timedelta(hours=1)) == job_id


def test_a_job_whose_segments_are_at_work_takes_no_place(database: Database) -> None:
    parent, other = add(database, 2)
    assert take(database, limit=1) == parent
    with database.write() as session:
        row = jobs.get(session, parent)
        assert row is not None and row.lease_token is not None
        jobs.add_children(session, row, row.lease_token, [{}], [None])
    assert take(database, limit=1) != other  # the segment: its video's turn came long ago
    assert take(database, limit=2) == other


def test_of_eight_threads_no_two_get_the_same_and_the_limit_holds(database: Database) -> None:
    add(database, 20)
    barrier, taken = threading.Barrier(8), []

    def work() -> None:
        barrier.wait()
        taken.append(take(database, limit=5))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [job_id for job_id in taken if job_id is not None]
    assert len(won) == len(set(won)) == 5


CLAIMER = """
import sys
from app.domain import QueueName
from app.storage import jobs
from app.storage.database import Database
database = Database(sys.argv[1])
database.ping()
print("ready", flush=True)
sys.stdin.read()
while True:
    with database.write() as session:
        job = jobs.claim_next(session, QueueName.VISION, "here:1:1", 60, limit=3)
    if job is None:
        with database.session() as session:
            if not jobs.can_start(session, QueueName.VISION):
                break
        continue
    print(job.id, flush=True)
    with database.write() as session:
        jobs.succeed(session, job.id, job.lease_token)
"""


def test_processes_drain_a_queue_without_loss_or_double(database: Database, database_url: str) -> None:
    ids = add(database, 30, batch="a" * 32) + add(database, 30, batch="b" * 32)
    command = [sys.executable, "-c", CLAIMER, database_url]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
        for _ in range(3)
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    won = [job_id for worker in workers for job_id in worker.communicate("", timeout=60)[0].split()]
    assert [worker.returncode for worker in workers] == [0] * 3
    assert sorted(won) == sorted(ids)


@pytest.mark.parametrize("batches", [1, 100], ids=lambda number: f"{number} batches")
def test_claims_stay_quick_with_ten_thousand_that_wait(database: Database, batches: int) -> None:
    with database.write() as session:
        for number in range(batches):
            jobs.add_many(session, JobKind.PROCESS_VIDEO, [{}] * (10_000 // batches), batch_id=f"{number:032d}")
    start = time.perf_counter()
    for _ in range(20):
        assert take(database, now=utc_now()) is not None
    assert (time.perf_counter() - start) / 20 < 0.25  # milliseconds; generous for a machine that is busy


def test_ten_thousand_jobs_are_filed_in_a_moment_and_keep_their_order(database: Database) -> None:
    start = time.perf_counter()
    with database.write() as session:
        ids = jobs.add_many(session, JobKind.PROCESS_VIDEO, [{"params": {"interval": 0.5}}] * 10_000, priority=3)
    assert len(ids) / (time.perf_counter() - start) > 500
    assert [take(database, now=utc_now()) for _ in range(3)] == ids[:3]
    with database.session() as session:
        job = jobs.get(session, ids[-1])
    assert job is not None
    assert (job.params, job.priority, job.queue, job.state) == ({"interval": 0.5}, 3, "vision", "queued")
