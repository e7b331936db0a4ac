"""Waking queues: one message is enough, and a broker that is away or was emptied does no harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from app.config import Settings
from app.domain import JobKind, QueueName
from app.tasks.celery_app import make_celery
from app.tasks.queue import CeleryQueue
from tests.redis_server import RedisServer


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["embedded", "redis"])
def celery(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Celery]:
    url = request.getfixturevalue("redis").url if request.param == "redis" else None
    made = make_celery(Settings(faaaaaces_data=tmp_path, celery_broker_url=url))
    yield made
    with made.connection_for_read() as connection:
        for name in made.amqp.queues:
            made.amqp.queues[name](connection.default_channel).purge()
    made.close()


def messages(celery: Celery, queue: QueueName) -> list[object]:
    """Takes what waits in a queue; each message's arguments."""
    found = []
    with celery.connection_for_read() as connection:
        simple = connection.SimpleQueue(celery.amqp.queues[queue])
        while True:
            try:
                message = simple.get(block=False)
            except simple.Empty:
                return found
            message.ack()
            found.append((message.headers["task"], message.payload[0]))


def test_one_message_is_enough_for_any_number_of_jobs(celery: Celery) -> None:
    queue = CeleryQueue(celery)
    for _ in range(50):
        queue.send(JobKind.FETCH_VIDEO, "0" * 32)
    queue.wake(QueueName.VISION, messages=3)
    queue.wake(QueueName.VISION)
    assert messages(celery, QueueName.DOWNLOAD) == [("work", ["download"])]
    assert messages(celery, QueueName.VISION) == [("work", ["vision"])] * 3
    assert messages(celery, QueueName.EXPORT) == []
    queue.wake(QueueName.VISION)
    assert messages(celery, QueueName.VISION) == [("work", ["vision"])]


def test_a_broker_that_is_away_is_waited_for_by_nobody(redis: RedisServer, tmp_path: Path) -> None:
    celery = make_celery(Settings(faaaaaces_data=tmp_path, celery_broker_url=redis.url))
    queue = CeleryQueue(celery)
    queue.wake(QueueName.VISION)
    redis.stop()
    queue.wake(QueueName.VISION)
    queue.wake(QueueName.VISION)
    redis.start()
    queue.wake(QueueName.VISION)
    assert messages(celery, QueueName.VISION) == [("work", ["vision"])]
    celery.close()


def test_the_embedded_broker_forgets_what_it_handed_out(tmp_path: Path) -> None:
    celery = make_celery(Settings(faaaaaces_data=tmp_path))
    queue = CeleryQueue(celery)
    for _ in range(20):
        queue.wake(QueueName.VISION)
        assert len(messages(celery, QueueName.VISION)) == 1
    with celery.connection_for_read() as connection:
        assert connection.default_channel._size("vision") == 0
    celery.close()


def test_a_consumer_that_looked_in_vain_sees_what_another_process_sends(tmp_path: Path) -> None:
    """The counter that tells whether anything changed is the file's, not the connection's."""
    settings = Settings(faaaaaces_data=tmp_path)
    one, other = make_celery(settings), make_celery(settings)
    with one.connection_for_read() as connection:
        simple = connection.SimpleQueue(one.amqp.queues[QueueName.VISION])
        for _ in range(3):
            with pytest.raises(simple.Empty):
                simple.get(block=False)
            CeleryQueue(other).wake(QueueName.VISION)
            simple.get(block=True, timeout=10).ack()
    one.close()
    other.close()
