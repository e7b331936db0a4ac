"""Two worker processes drain a thousand small jobs, over the embedded broker and over Redis: none is lost, none done twice.
Not even when Redis loses all that was in it, or somebody locks the database for ten seconds.

The jobs are exports of an empty library: real work, but hardly any.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.domain import JobKind, JobState, QueueName
from app.models import Job
from app.services.context import Context, build_context
from app.services.presence import count_workers
from app.storage import jobs as job_rows
from app.storage.database import Database
from app.tasks.celery_app import make_celery
from app.tasks.queue import CeleryQueue
from tests.e2e.workers import SCHEDULER, Worker
from tests.library import make_context
from tests.redis_server import RedisServer

DEADLINE_SECONDS = 240.0
LOCKED_SECONDS = 10.0

pytestmark = pytest.mark.xdist_group("drain")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


def make(folder: Path, models: Path, **settings: object) -> Context:
    made = make_context(folder, models_folder=str(models), **settings)
    return build_context(made.settings, CeleryQueue(make_celery(made.settings)))


def fill(context: Context, number: int, at_once: int) -> None:
    with context.database.write() as session:
        params = {"params": {"what": "faces", "format": "csv"}}
        for batch in ("a" * 32, "b" * 32):
            job_rows.add_many(session, JobKind.EXPORT, [params] * (number // 2), batch_id=batch)
        job_rows.set_concurrency(session, QueueName.EXPORT, at_once)
    context.queue.wake(QueueName.EXPORT)


def unfinished(database: Database) -> int:
    with database.session() as session:
        return session.scalar(select(func.count(Job.id)).where(Job.state.in_(job_rows.UNFINISHED))) or 0


def wait_until(context: Context, few: int, *workers: Worker) -> None:
    """Waits until no more jobs than that are left."""
    wait(lambda: unfinished(context.database) <= few, *workers)


def wait(reached: Callable[[], bool], *workers: Worker) -> None:
    pause, until = threading.Event(), time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert all(worker.lives for worker in workers), "a worker ended"
        assert time.monotonic() < until, "it takes too long"
        pause.wait(0.2)  # nothing tells of it but the rows


@pytest.mark.parametrize("broker", ["embedded", "redis"])
def test_two_workers_drain_a_thousand_jobs(
    broker: str, request: pytest.FixtureRequest, tmp_path: Path, models_cache: Path
) -> None:
    url = request.getfixturevalue("redis").url if broker == "redis" else None
    context = make(tmp_path, models_cache, celery_broker_url=url)
    number = 1000 if broker == "embedded" else 100
    with Worker(context, "one") as one, Worker(context, "two") as two:
        wait(lambda: count_workers(context) == 2, one, two)
        fill(context, number, at_once=2)
        wait_until(context, 0, one, two)
    with context.database.session() as session:
        rows = session.execute(select(Job.state, Job.attempts, Job.lease_owner)).all()
        batches = session.execute(select(Job.batch_id, Job.finished_at).order_by(Job.finished_at)).all()
    assert {(row.state, row.attempts) for row in rows} == {(JobState.SUCCEEDED, 1)}
    assert len(rows) == number
    logs = [(tmp_path / f"{name}.log").read_text() for name in ("one", "two")]
    ended = [log.count("attempt ended") for log in logs]
    assert sum(ended) == number
    assert min(ended) > number // 10, "one worker did all"
    first_half = [row.batch_id for row in batches[: number // 2]]
    assert number // 8 < first_half.count("a" * 32) < number * 3 // 8  # each batch had a worker, as a rule


def test_nothing_is_lost_when_redis_is_restarted_and_emptied(tmp_path: Path, models_cache: Path) -> None:
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as redis:
        context = make(tmp_path, models_cache, celery_broker_url=redis.url)
        with Worker(context, "one") as one, Worker(context, "two") as two, Worker(context, "beat", SCHEDULER) as beat:
            for _ in range(2):
                fill(context, 100, at_once=2)
                wait_until(context, 60, one, two, beat)
                redis.stop()
                redis.start()
            wait_until(context, 0, one, two, beat)
    with context.database.session() as session:
        states = session.execute(select(Job.state, func.count()).where(Job.kind == JobKind.EXPORT).group_by(Job.state))
        assert [tuple(row) for row in states] == [(JobState.SUCCEEDED, 200)]


def test_nothing_is_lost_while_somebody_locks_the_database(tmp_path: Path, models_cache: Path) -> None:
    context = make(tmp_path, models_cache)
    fill(context, 60, at_once=2)
    with Worker(context, "one") as one, Worker(context, "two") as two:
        wait_until(context, 40, one, two)
        with context.database.write():
            threading.Event().wait(LOCKED_SECONDS)
        wait_until(context, 0, one, two)
    with context.database.session() as session:
        states = session.execute(select(Job.state, Job.attempts, func.count()).group_by(Job.state, Job.attempts))
        assert [tuple(row) for row in states] == [(JobState.SUCCEEDED, 1, 60)]
