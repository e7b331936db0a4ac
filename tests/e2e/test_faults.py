"""Videos go through the web while its processes are killed and the clock jumps, over both brokers.

What is found must be what undisturbed work finds; no job may hang, and no file be left over. What is random are the
victims and the moments; that they make no difference is what is tested.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.domain import Image, JobKind
from app.models import Job, JobLog
from app.services.context import Context
from app.services.grouping import request_clustering
from app.services.ingest import submit_file
from app.services.jobs import Outcome, run_job
from tests.e2e.clock import Clock
from tests.e2e.stage import (
    DEADLINE_SECONDS,
    Stage,
    assert_as_undisturbed,
    is_through,
    unfinished,
    upload,
    wait,
)
from tests.e2e.webserver import WebServer
from tests.films import make_film
from tests.library import make_context
from tests.redis_server import RedisServer

VIDEOS = 20  # and as many kills
SURE_HITS = 5  # kills, of the ten that are aimed, that cut off a job on the slowest machine
INTERVAL = "0.2"
SIZE = (320, 240)

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


def _context(folder: Path, models: Path, redis: RedisServer | None) -> Context:
    return make_context(
        folder,
        models_folder=str(models),
        celery_broker_url=redis.url if redis else None,
        frame_extraction_interval=float(INTERVAL),
        max_video_size_mb=50,
    )


def _web(context: Context, **environ: str) -> WebServer:
    settings = context.settings
    own = {"MODELS_FOLDER": str(settings.models_folder), "FRAME_EXTRACTION_INTERVAL": INTERVAL}
    own |= {"MAX_VIDEO_SIZE_MB": "50", "CELERY_BROKER_URL": settings.celery_broker_url or ""}
    return WebServer(settings.faaaaaces_data, **own, **environ)


def _hits(context: Context) -> int:
    """How often a worker was gone that had a job."""
    with context.database.session() as session:
        gone = select(func.count(JobLog.id)).where(JobLog.message.startswith("Its worker is gone"))
        return session.scalar(gone) or 0


def test_twenty_kills_change_nothing(
    redis: RedisServer | None, tmp_path: Path, models_cache: Path, films: list[Path], calm: Context
) -> None:
    context = _context(tmp_path / "library", models_cache, redis)
    seed = int(os.environ.get("FAAAAACES_TEST_SEED") or random.randrange(1_000_000))
    print(f"FAAAAACES_TEST_SEED={seed} kills the same processes after the same pauses")
    dice, pause = random.Random(seed), threading.Event()
    with _web(context) as web, Stage(context, web, redis) as stage:
        senders = [threading.Thread(target=upload, args=(web.url, film)) for film in films]
        for number, sender in enumerate(senders):
            sender.start()  # videos come all the time, so that every kill hits something
            if number % 2 == 0:
                _kill_at_work(context, stage, dice, sent=number + 1)
            else:  # each in turn at least once, and then whoever it hits
                pause.wait(dice.uniform(0.2, 2.0))
                turn = number // 2
                stage.kill(stage.others[turn] if turn < len(stage.others) else dice.choice(stage.others))
        for sender in senders:
            sender.join(DEADLINE_SECONDS)
            assert not sender.is_alive()
        wait(lambda: is_through(context, VIDEOS), context)
    print(f"{_hits(context)} kills cut off a job")
    assert _hits(context) >= SURE_HITS
    assert_as_undisturbed(context, calm, films)


def _kill_at_work(context: Context, stage: Stage, dice: random.Random, sent: int) -> None:
    """Kills a worker somewhere in the middle of a video; none, where all that were sent are through already."""
    wait(lambda: stage.at_work() or is_through(context, sent), context, every=0.02)
    threading.Event().wait(dice.uniform(0.0, 0.4))

    def hit() -> bool:
        return any(stage.kill_at_work(worker) for worker in stage.at_work())

    wait(lambda: hit() or is_through(context, sent), context, every=0.02)


def test_a_clock_that_jumps_changes_nothing(
    redis: RedisServer | None, tmp_path: Path, models_cache: Path, films: list[Path], calm: Context
) -> None:
    context = _context(tmp_path / "library", models_cache, redis)
    given, jumped_in = iter(films), []
    with (
        Clock(tmp_path / "clock") as clock,
        _web(context, **clock.environ) as web,
        Stage(context, web, redis, **clock.environ) as stage,
    ):
        wait(stage.is_complete, context)
        for hours in (+1, 0, -1, None):
            worker, job_id = _begin_another(stage, context, web.url, given, jumped_in)
            if hours is None:
                stage.kill_for_good(worker)  # only the scheduler can see to its job now
            else:
                jumped_in.append(job_id)
                clock.set(hours)
        sent = VIDEOS - len(list(given))
        wait(lambda: is_through(context, sent), context)
    assert_as_undisturbed(context, calm, films[:sent])
    with context.database.session() as session:
        looks = {job.id: job.attempts for job in session.scalars(select(Job).where(Job.kind == JobKind.PROCESS_VIDEO))}
        taken = session.scalars(select(JobLog.job_id).where(JobLog.message.startswith("Taken by"))).all()
    assert {job_id: taken.count(job_id) for job_id in looks} == looks
    assert sum(looks.values()) <= sent + 1  # nobody but the one who died loses a job


def _begin_another(
    stage: Stage, context: Context, url: str, films: Iterator[Path], known: list[str]
) -> tuple[str, str]:
    """Hands in films until a worker looks at one that none of the known jobs is about; returns worker and job."""

    def begun() -> list[tuple[str, str]]:
        return [(name, job.id) for name, job in stage.at_work().items() if job.id not in known]

    found: list[tuple[str, str]] = []
    while not found:
        for film in (next(films), next(films)):
            upload(url, film)
        wait(lambda: found.extend(begun()) or found or not unfinished(context), context, every=0.02)
    return found[0]
