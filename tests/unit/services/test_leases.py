"""Leases: judged by whether they are renewed, never by the time of day."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from app.domain import JobKind, JobState, QueueName
from app.errors import JobLostError, JobPausedError
from app.models import Job, utc_now
from app.services.context import Context
from app.services.jobs import get_job, recover_jobs
from app.services.leases import SILENT_ALIVE_SECONDS, SILENT_SECONDS, LeaseKeeper, LeaseWatch
from app.services.owners import current_owner
from app.storage import jobs as job_rows

ELSEWHERE = "another-machine:1:1"
GONE = current_owner().rpartition(":")[0] + ":1"  # our number, but another start


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_of_a_process_that_is_gone_the_lease_is_lost_at_once(clock: Clock) -> None:
    assert LeaseWatch(clock).is_lost("job", "token", GONE, utc_now() + timedelta(hours=1))


@pytest.mark.parametrize(
    ("owner", "patience"), [(ELSEWHERE, SILENT_SECONDS), (current_owner(), SILENT_ALIVE_SECONDS)], ids=["far", "here"]
)
@pytest.mark.parametrize("hours", [-1, 1], ids=["clock jumped forward", "clock jumped back"])
def test_a_lease_is_lost_when_it_was_not_renewed_for_long(
    clock: Clock, owner: str, patience: float, hours: int
) -> None:
    """An hour more or less on somebody's clock makes no difference."""
    watch, expires_at = LeaseWatch(clock), utc_now() + timedelta(hours=hours)
    assert not watch.is_lost("job", "token", owner, expires_at)
    clock.now += patience
    assert not watch.is_lost("job", "token", owner, expires_at)
    clock.now += 1
    assert watch.is_lost("job", "token", owner, expires_at)
    assert not watch.is_lost("job", "token", owner, expires_at + timedelta(seconds=10))  # it was renewed after all
    assert not watch.is_lost("job", "another", owner, expires_at)
    assert not watch.is_lost("other job", "token", owner, expires_at)


def test_many_that_ended_are_forgotten(clock: Clock) -> None:
    watch = LeaseWatch(clock)
    for number in range(3000):
        clock.now += 10
        watch.is_lost(f"job {number}", "token", ELSEWHERE, None)
    assert len(watch._seen) < 1500


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)], ids=["forward", "back"])
def test_when_the_clock_jumps_nobody_loses_a_job_and_none_is_held_for_ever(context: Context, jump: timedelta) -> None:
    with context.database.write() as session:
        mine, dead = (job_rows.add(session, JobKind.PROCESS_VIDEO).id for _ in range(2))
        then = utc_now() - jump  # what the clock said when they were taken
        assert job_rows.claim_next(session, QueueName.VISION, current_owner(), 60, now=then + timedelta(hours=2))
        session.get_one(Job, mine).lease_expires_at = then
        assert job_rows.claim(session, dead, GONE, 60, now=then)
    assert recover_jobs(context) == [dead]
    assert recover_jobs(context) == []
    assert get_job(context, mine).state is JobState.RUNNING


def test_a_keeper_looks_often_and_tells_what_it_saw() -> None:
    looks, renewals, told = [], [], threading.Event()

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            told.set()
            raise JobPausedError("The job was paused.")

    with LeaseKeeper(lambda: renewals.append(1), 3600, "test", look=look, look_every=0.01) as keeper:
        keeper.check()
        assert told.wait(30)
        keeper._thread.join(30)
        with pytest.raises(JobPausedError):
            keeper.check()
    assert (len(looks), renewals) == (3, [])


def test_a_keeper_outlives_a_database_that_is_away() -> None:
    calls, told = [], threading.Event()

    def renew() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise OSError("away")
        told.set()
        raise JobLostError("gone")

    with LeaseKeeper(renew, 0.01, "test") as keeper:
        assert told.wait(30)
        keeper._thread.join(30)
        with pytest.raises(JobLostError):
            keeper.check()
