"""One long video by one worker in one piece, on one core and on all, and by two workers in segments."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import func, select

from app.config import Settings
from app.domain import JobState
from app.models import Face, Job, JobLog
from app.services.context import Context, build_context
from app.services.ingest import submit_file
from app.services.ingest_options import IngestOptions
from app.services.jobs import get_job
from app.tasks.celery_app import make_celery
from app.tasks.queue import CeleryQueue
from benchmarks.report import table
from benchmarks.results import Quartiles, Verdict
from tests.e2e.workers import Worker

PROMISED = 1.7
PIECES = 6
_POOL = ("--pool=solo", "--queues=vision,cluster,export")

HOW = """\
Real workers over the embedded queue and SQLite, networks loaded before. The time is from handing the film in until its job
has ended: decoding, looking, storing, joining, linking; without grouping. *one core*: the process is tied to one core, so
decoding, networks and all else take turns; the promise is measured against it. *all cores* is a worker as it is by
default. The two workers run with `MODEL_THREADS=1` and are not tied."""


@dataclass
class Shared:
    """One film by some workers.

    Attributes:
        name: For people.
        workers: How many.
        pieces: Segments of the film.
        tied: Whether its processes are tied to one core.
        threads: ``MODEL_THREADS`` of each.
        faces: Faces that were found.
        seconds: Of each run.
    """

    name: str
    workers: int
    pieces: int
    tied: bool = False
    threads: str = "1"
    faces: int = 0
    seconds: list[float] = field(default_factory=list)


def measure(
    film: Path, warm: Path, length: float, models: Path, folder: Path, runs: int, say: Callable[[str], None]
) -> list[Shared]:
    """Measures one worker and two, taking turns. The first result is that of the promise's other side, the last ours.

    Args:
        film: The film.
        warm: A short one, for loading the networks.
        length: Seconds of the film.
        models: Folder of the networks.
        folder: An empty folder.
        runs: How often.
        say: Told how far it is.
    """
    results = [
        Shared("one worker, one core", 1, 1, tied=True),
        Shared("one worker, all cores", 1, 1, threads="auto"),
        Shared("two workers", 2, PIECES),
    ]
    for number in range(runs):
        for one in results:
            seconds, one.faces = _run(
                one, film, warm, length, models, folder / f"{one.name}-{number}".replace(" ", "-")
            )
            one.seconds.append(seconds)
            say(f"{one.name}: {seconds:.1f} s, {one.faces} faces")
    if results[0].faces != results[-1].faces:
        raise RuntimeError(f"{results[0].faces} faces in one piece, {results[-1].faces} in segments")
    return results


def _run(one: Shared, film: Path, warm: Path, length: float, models: Path, folder: Path) -> tuple[float, int]:
    minutes = 0.0 if one.pieces == 1 else length / one.pieces / 60
    values = {"faaaaaces_data": str(folder), "models_folder": str(models), "face_pack": "bundled"}
    settings = Settings.model_validate({**values, "max_video_size_mb": 10_000, "segment_minutes": minutes})
    context = build_context(settings, CeleryQueue(make_celery(settings)))
    context.database.upgrade()
    own = {"MODEL_THREADS": one.threads, "FACE_PACK": "bundled", "SEGMENT_MINUTES": str(minutes)}
    with patch.dict(os.environ, own), ExitStack() as stack:
        for number in range(one.workers):
            with _tied(one.tied):
                stack.enter_context(Worker(context, f"worker{number}", _POOL))
        _warm_up(context, warm, one.workers)
        began = time.perf_counter()
        job_id = submit_file(context, film, IngestOptions(interval=1.0)).job_id
        _wait(context, job_id)
        seconds = time.perf_counter() - began
    with context.database.session() as session:
        video = get_job(context, job_id).video_id
        faces = session.scalar(select(func.count(Face.id)).where(Face.video_id == video)) or 0
    context.database.dispose()
    return seconds, faces


@contextmanager
def _tied(tied: bool) -> Iterator[None]:
    """Processes that are started in the block are tied to one core, if so."""
    before = os.sched_getaffinity(0)
    try:
        if tied:
            os.sched_setaffinity(0, {min(before)})
        yield
    finally:
        os.sched_setaffinity(0, before)


def _warm_up(context: Context, warm: Path, workers: int) -> None:
    """Hands short films in until every worker has looked at one."""
    data = warm.read_bytes()
    seen: set[str] = set()
    for number in range(20 * workers):
        copy = context.settings.faaaaaces_data / f"warm{number}.mp4"
        copy.write_bytes(data + bytes(number + 1))  # other bytes, or it would be known
        _wait(context, submit_file(context, copy, IngestOptions(interval=0.2)).job_id)
        seen |= _who_looked(context)
        if len(seen) >= workers:
            return
    raise RuntimeError("not every worker takes jobs")


def _who_looked(context: Context) -> set[str]:
    """Workers that took a job; the log of each job names them."""
    with context.database.session() as session:
        lines = session.scalars(select(JobLog.message).where(JobLog.message.startswith("Taken by worker"))).all()
    return {line.split(" on ")[0] for line in lines}


def _wait(context: Context, job_id: str) -> Job:
    while not (job := get_job(context, job_id)).state.is_final:
        time.sleep(0.05)
    if job.state is not JobState.SUCCEEDED:
        raise RuntimeError(f"the job ended badly: {job.error}")
    return job


def section(results: list[Shared], length: float) -> str:
    """The chapter of the report."""
    rows = []
    for one in results:
        spread = Quartiles.of(one.seconds)
        rows.append(
            (
                one.name,
                str(one.pieces),
                f"{spread.median:.1f} ({spread.first:.1f} to {spread.third:.1f})",
                f"{length / spread.median:.0f}",
                str(one.faces),
            )
        )
    head = ("workers", "pieces", "seconds", "times as fast as the film", "faces")
    return f"## One long video, several workers\n\n{HOW}\n\n{table(head, rows)}\n\n{verdict(results).text}"


def verdict(results: list[Shared]) -> Verdict:
    """Whether two workers are as much faster as was promised."""
    one, two = (Quartiles.of(each.seconds).median for each in (results[0], results[-1]))
    text = (
        f"two workers look at one long video {one / two:.2f}x as fast as one on one core ({PROMISED:g}x was promised)"
    )
    return Verdict(one / two >= PROMISED, text)
