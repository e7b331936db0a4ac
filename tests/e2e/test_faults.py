"""Twenty videos go through the web while its processes are killed at twenty random moments, over both brokers.

What is found must be what undisturbed work finds; no job may hang, and no file be left over. What is random are the
victims and the moments; that they make no difference is what is tested.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from app.domain import Image, JobState
from app.models import Face, Job, Video, utc_now
from app.services.cluster import request_clustering
from app.services.context import Context
from app.services.doctor import examine
from app.services.ingest import submit_file
from app.services.jobs import Outcome, run_job
from app.storage import jobs as job_rows
from tests.e2e.webserver import WebServer
from tests.e2e.workers import DOWNLOADER, SCHEDULER, Worker
from tests.films import make_film
from tests.library import make_context
from tests.redis_server import RedisServer

VIDEOS = 20  # and as many kills
INTERVAL = "0.2"
SIZE = (320, 240)
DEADLINE_SECONDS = 240.0

pytestmark = pytest.mark.xdist_group("kill")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, grace_hopper: Image) -> list[Path]:
    """Short films, each of other bytes, half of them with one person and half with two."""
    folder = tmp_path_factory.mktemp("films")
    people = ([astronaut], [grace_hopper], [astronaut, grace_hopper], [grace_hopper, astronaut])
    return [
        make_film(folder / f"{number:02d}.mp4", people[number % 4], seconds_each=1.5 + 0.1 * (number // 4), size=SIZE)
        for number in range(VIDEOS)
    ]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, models_cache: Path, films: list[Path]) -> Context:
    """What undisturbed work finds, one video after the other."""
    context = _context(tmp_path_factory.mktemp("calm"), models_cache, None)
    for film in films:
        assert run_job(context, submit_file(context, film).job_id) is Outcome.SUCCEEDED
    assert run_job(context, request_clustering(context)) is Outcome.SUCCEEDED
    return context


def _context(folder: Path, models: Path, broker: str | None) -> Context:
    return make_context(
        folder,
        models_folder=str(models),
        celery_broker_url=broker,
        frame_extraction_interval=float(INTERVAL),
        max_video_size_mb=50,
    )


def _findings(context: Context) -> list[tuple[object, ...]]:
    columns = (
        Video.title,
        Face.sample,
        Face.ordinal,
        Face.timestamp,
        Face.x1,
        Face.y1,
        Face.confidence,
        Face.embedding,
    )
    with context.database.session() as session:
        query = select(*columns).join(Video, Video.id == Face.video_id)
        return [tuple(row) for row in session.execute(query.order_by(Video.title, Face.sample, Face.ordinal))]


def _people(context: Context) -> set[frozenset[tuple[str, int, int]]]:
    """The people, each as the faces that are theirs."""
    people: dict[int | None, set[tuple[str, int, int]]] = {}
    with context.database.session() as session:
        columns = (Face.person_id, Video.title, Face.sample, Face.ordinal)
        for person, *face in session.execute(select(*columns).join(Video, Video.id == Face.video_id)):
            people.setdefault(person, set()).add(tuple(face))
    return {frozenset(faces) for person, faces in people.items() if person is not None}


def _crops(context: Context) -> tuple[set[str], set[str]]:
    """Crops that rows name, and those that are on the disk."""
    folder = context.settings.faces_folder
    with context.database.session() as session:
        named = {Path(key).name for key in session.scalars(select(Face.crop_key)) if key}
    return named, {path.name for path in folder.rglob("*_*.jpg")}


def _upload(url: str, film: Path, until: float) -> None:
    """Sends a film, again and again while the server is killed under it; sent twice it is one video all the same."""
    pause = threading.Event()
    while time.monotonic() < until:
        try:
            with film.open("rb") as file:
                answer = requests.post(f"{url}/api/upload_video", files={"file": (film.name, file)}, timeout=20)
            if answer.status_code == 202:
                return
        except requests.RequestException:
            pass
        pause.wait(0.2)
    raise AssertionError(f"{film.name} could not be handed in")


class Stage:
    """All processes of an installation, each of which can be killed and started again."""

    def __init__(self, context: Context, web: WebServer, redis: RedisServer | None) -> None:
        self._context = context
        self._web = web
        self._redis = redis
        options: dict[str, tuple[str, ...]] = {
            "one": ("--pool=solo", "--queues=vision,cluster,export"),
            "two": ("--pool=solo", "--queues=vision,cluster,export"),
            "downloader": DOWNLOADER,
            "beat": SCHEDULER,
        }
        self._options = options
        self._workers = {name: Worker(context, name, given) for name, given in options.items()}
        self.victims = [*options, "web", *(["redis"] if redis else [])]

    def kill(self, victim: str) -> None:
        """SIGKILL, and a new one in its place; Redis comes back empty."""
        if victim == "web":
            self._web.kill()
            self._web.start()
        elif victim == "redis" and self._redis is not None:
            self._redis.stop()
            self._redis.start()
        else:
            self._workers[victim].kill()
            self._workers[victim] = Worker(self._context, victim, self._options[victim])

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.kill()


def _left(context: Context) -> list[tuple[Any, ...]]:
    with context.database.session() as session:
        query = select(Job.kind, Job.state, Job.step, Job.attempts).where(Job.state.in_(job_rows.UNFINISHED))
        return [tuple(row) for row in session.execute(query)]


def _wait(done: Callable[[], bool], context: Context) -> None:
    pause, until = threading.Event(), time.monotonic() + DEADLINE_SECONDS
    while not done():
        assert time.monotonic() < until, _left(context)
        pause.wait(0.2)  # nothing tells of it but the rows


@pytest.fixture(params=["embedded", "redis"])
def redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer | None]:
    if request.param == "embedded":
        yield None
        return
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as server:
        yield server


def test_twenty_kills_change_nothing(
    redis: RedisServer | None, tmp_path: Path, models_cache: Path, films: list[Path], calm: Context
) -> None:
    context = _context(tmp_path / "library", models_cache, redis.url if redis else None)
    own = {"MODELS_FOLDER": str(models_cache), "FRAME_EXTRACTION_INTERVAL": INTERVAL, "MAX_VIDEO_SIZE_MB": "50"}
    if redis:
        own["CELERY_BROKER_URL"] = redis.url
    seed = int(os.environ.get("FAAAAACES_TEST_SEED") or random.randrange(1_000_000))
    print(f"FAAAAACES_TEST_SEED={seed} kills the same processes after the same pauses")
    dice, pause, until = random.Random(seed), threading.Event(), time.monotonic() + DEADLINE_SECONDS
    with WebServer(tmp_path / "library", **own) as web, Stage(context, web, redis) as stage:
        senders = [threading.Thread(target=_upload, args=(web.url, film, until)) for film in films]
        for number, sender in enumerate(senders):
            sender.start()  # videos come all the time, so that every kill hits something
            pause.wait(dice.uniform(0.2, 2.0))
            # each in turn at least once, and then whoever it hits
            stage.kill(stage.victims[number] if number < len(stage.victims) else dice.choice(stage.victims))
        for sender in senders:
            sender.join(DEADLINE_SECONDS)
            assert not sender.is_alive()
        _wait(lambda: not _left(context) and _count(context) == VIDEOS, context)

    with context.database.session() as session:
        bad = session.execute(select(Job.kind, Job.state, Job.error).where(Job.state != JobState.SUCCEEDED)).all()
    # a grouping that was cut off leaves its work to the one that waits
    assert [row for row in bad if row.state != JobState.CANCELLED or row.kind != "cluster"] == []
    assert _findings(context) == _findings(calm)
    assert _people(context) == _people(calm)
    named, there = _crops(context)
    assert there == named
    examine(context, now=utc_now() + timedelta(days=2))
    assert list(examine(context, now=utc_now() + timedelta(days=2)).findings) == []


def _count(context: Context) -> int:
    """Videos that have been looked at."""
    with context.database.session() as session:
        return session.scalar(select(func.count(Video.id)).where(Video.processed_at.is_not(None))) or 0
