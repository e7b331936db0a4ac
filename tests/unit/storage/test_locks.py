from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from app.errors import JobLostError
from app.models import utc_now
from app.storage import locks
from app.storage.database import Database

NOW = utc_now()


def acquire(database: Database, name: str = "grouping", owner: str = "here:1:1", after: float = 0.0) -> str | None:
    with database.write() as session:
        return locks.acquire(session, name, owner, 10, now=NOW + timedelta(seconds=after))


def test_one_holds_it_until_it_is_released(database: Database) -> None:
    token = acquire(database)
    assert token is not None
    assert acquire(database) is None
    assert acquire(database, "another lock") is not None
    with database.write() as session:
        locks.release(session, "grouping", token)
        locks.release(session, "grouping", token)
    assert acquire(database) is not None


def test_a_lease_that_has_run_out_is_taken_and_the_old_holder_learns_it(database: Database) -> None:
    old = acquire(database)
    assert old is not None
    assert acquire(database, after=9.9) is None
    new = acquire(database, after=10.1)
    assert new is not None
    with pytest.raises(JobLostError), database.write() as session:
        locks.renew(session, "grouping", old, 10)
    with database.write() as session:
        locks.release(session, "grouping", old)  # must not free the lock of the new holder
        locks.renew(session, "grouping", new, 10, now=NOW + timedelta(seconds=15))
    assert acquire(database, after=24) is None


def test_renewing_makes_it_last(database: Database) -> None:
    token = acquire(database)
    assert token is not None
    with database.write() as session:
        locks.renew(session, "grouping", token, 60, now=NOW)
    assert acquire(database, after=59) is None


@pytest.mark.parametrize("hours", [-1, 1], ids=["ran out by the clock", "ends by the clock in an hour"])
@pytest.mark.parametrize("lost", [True, False])
def test_who_knows_whether_a_holder_comes_back_decides_alone(database: Database, lost: bool, hours: int) -> None:
    held = acquire(database, owner="here:7:123", after=3600 * hours)
    asked: list[tuple[str, str, str]] = []

    def is_lost(name: str, token: str, owner: str, _expires_at: datetime) -> bool:
        asked.append((name, token, owner))
        return lost

    with database.write() as session:
        token = locks.acquire(session, "grouping", "here:8:124", 10, is_lost=is_lost, now=NOW)
    assert (token is not None) is lost
    assert asked == [("grouping", held, "here:7:123")]


def test_held_locks_are_listed_by_the_beginning_of_their_names(database: Database) -> None:
    for name in ("worker:b", "worker:a", "workerx", "grouping"):
        acquire(database, name)
    acquire(database, "worker_c")
    acquire(database, "worker:late", after=-100)
    with database.session() as session:
        assert [lock.name for lock in locks.held(session, "worker:", now=NOW)] == ["worker:a", "worker:b"]
        assert [lock.name for lock in locks.held(session, "worker_", now=NOW)] == ["worker_c"]


def test_of_eight_that_try_at_once_one_gets_it(database: Database) -> None:
    barrier = threading.Barrier(8)
    tokens: list[str | None] = []

    def take() -> None:
        barrier.wait()
        tokens.append(acquire(database))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(token is not None for token in tokens) == [False] * 7 + [True]
