"""All processes of an installation, which tests kill and start again, and what is in its library afterwards."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import requests
from sqlalchemy import func, select

from app.domain import JobState, QueueName
from app.models import Face, Job, Lock, Video, utc_now
from app.services.context import Context
from app.services.doctor import examine
from app.storage import jobs as job_rows
from tests.e2e.webserver import WebServer
from tests.e2e.workers import DOWNLOADER, SCHEDULER, Worker
from tests.redis_server import RedisServer

DEADLINE_SECONDS = 240.0
LOOKERS = ("one", "two")
TIRED = 3  # interruptions of a job, after which it has to get on first; at five in a row it would be given up
_LOOKING = ("--pool=solo", "--queues=vision,cluster,export")


class Stage:
    """Two workers, a downloader and the scheduler beside a web server and maybe Redis.

    Args:
        context: The library.
        web: Its web server.
        redis: Its broker, unless that is the embedded one.
        environ: More environment of the processes.
    """

    def __init__(self, context: Context, web: WebServer, redis: RedisServer | None, **environ: str) -> None:
        self._context = context
        self._web = web
        self._redis = redis
        self._environ = environ
        self._options = {**dict.fromkeys(LOOKERS, _LOOKING), "downloader": DOWNLOADER, "beat": SCHEDULER}
        self._workers = {name: self._make(name) for name in self._options}
        self.others = ["downloader", "beat", "web", *(["redis"] if redis else [])]

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.kill()

    def kill(self, victim: str) -> None:
        """SIGKILL, and a new one in its place; Redis comes back empty."""
        if victim == "web":
            self._web.kill()
            self._web.start()
        elif victim == "redis" and self._redis is not None:
            self._redis.stop()
            self._redis.start()
        else:
            self.kill_for_good(victim)
            self._workers[victim] = self._make(victim)

    def kill_at_work(self, worker: str) -> bool:
        """SIGKILL, where it looks at a video at this very moment and may be cut off; False where it does not."""
        os.kill(self._workers[worker].pid, signal.SIGSTOP)  # its job cannot end before the kill
        job = self.at_work().get(worker)
        if job is not None and job.interruptions < TIRED:
            self.kill(worker)
            return True
        os.kill(self._workers[worker].pid, signal.SIGCONT)
        return False

    def kill_for_good(self, worker: str) -> None:
        """SIGKILL for a process that no other one replaces."""
        self._workers[worker].kill()

    def is_complete(self) -> bool:
        """Whether workers and scheduler have begun their work."""
        with self._context.database.session() as session:
            workers = session.scalar(select(func.count(Lock.name)).where(Lock.name.startswith("worker:"))) or 0
        data = self._context.settings.faaaaaces_data / "data"
        return workers == len(LOOKERS) and any(data.glob("celerybeat-schedule*"))

    def at_work(self) -> dict[str, Job]:
        """The workers that look at a video at this moment, each with its job."""
        with self._context.database.session() as session:
            running = select(Job).where(Job.state == JobState.RUNNING, Job.queue == QueueName.VISION)
            jobs = {str(job.lease_owner).split(":")[-2]: job for job in session.scalars(running) if job.lease_owner}
        pids = {name: str(self._workers[name].pid) for name in LOOKERS}
        return {name: jobs[pid] for name, pid in pids.items() if pid in jobs}

    def _make(self, name: str) -> Worker:
        return Worker(self._context, name, self._options[name], **self._environ)


def upload(url: str, film: Path) -> None:
    """Sends a film, again and again while the server is killed under it; sent twice it is one video all the same."""
    pause, until = threading.Event(), time.monotonic() + DEADLINE_SECONDS
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


def wait(done: Callable[[], object], context: Context, every: float = 0.2) -> None:
    """Waits until something is so; nothing tells of it but the rows."""
    pause, until = threading.Event(), time.monotonic() + DEADLINE_SECONDS
    while not done():
        assert time.monotonic() < until, unfinished(context)
        pause.wait(every)


def unfinished(context: Context) -> list[tuple[object, ...]]:
    """The jobs that have not ended."""
    with context.database.session() as session:
        query = select(Job.kind, Job.state, Job.step, Job.attempts).where(Job.state.in_(job_rows.UNFINISHED))
        return [tuple(row) for row in session.execute(query)]


def is_through(context: Context, videos: int) -> bool:
    """Whether so many videos have been looked at, and nothing is left to do."""
    with context.database.session() as session:
        looked_at = session.scalar(select(func.count(Video.id)).where(Video.processed_at.is_not(None)))
    return looked_at == videos and not unfinished(context)


def assert_as_undisturbed(context: Context, calm: Context, films: Sequence[Path]) -> None:
    """Same faces and people, no job that failed, no file too many or too few, and the doctor finds nothing."""
    with context.database.session() as session:
        bad = session.execute(select(Job.kind, Job.state, Job.error).where(Job.state != JobState.SUCCEEDED)).all()
    # a grouping that was cut off leaves its work to the one that waits
    assert [row for row in bad if row.state != JobState.CANCELLED or row.kind != "cluster"] == []
    titles = [film.stem for film in films]
    assert _findings(context, titles) == _findings(calm, titles) != []
    assert _people(context, titles) == _people(calm, titles)
    named, there = _crops(context)
    assert there == named
    examine(context, now=utc_now() + timedelta(days=2))
    assert list(examine(context, now=utc_now() + timedelta(days=2)).findings) == []


def _findings(context: Context, titles: Sequence[str]) -> list[tuple[object, ...]]:
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
        query = select(*columns).join(Video, Video.id == Face.video_id).where(Video.title.in_(titles))
        return [tuple(row) for row in session.execute(query.order_by(Video.title, Face.sample, Face.ordinal))]


def _people(context: Context, titles: Sequence[str]) -> set[frozenset[tuple[str, int, int]]]:
    """The people, each as the faces that are theirs."""
    people: dict[int | None, set[tuple[str, int, int]]] = {}
    with context.database.session() as session:
        query = select(Face.person_id, Video.title, Face.sample, Face.ordinal).join(Video, Video.id == Face.video_id)
        for person, *face in session.execute(query.where(Video.title.in_(titles))):
            people.setdefault(person, set()).add(tuple(face))
    return {frozenset(faces) for person, faces in people.items() if person is not None}


def _crops(context: Context) -> tuple[set[str], set[str]]:
    """Crops that rows name, and those that are on the disk."""
    folder = context.settings.faces_folder
    with context.database.session() as session:
        named = {Path(key).name for key in session.scalars(select(Face.crop_key)) if key}
    return named, {path.name for path in folder.rglob("*_*.jpg")}
