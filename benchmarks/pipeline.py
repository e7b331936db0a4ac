"""Time: the real services on a fresh library, against decoding alone and the models alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from app.config import Settings
from app.media.frames import FrameSampler
from app.media.probe import probe
from app.models import Job
from app.services.context import Context, build_context
from app.services.erase import delete_video
from app.services.grouping import request_clustering
from app.services.ingest import submit_file
from app.services.ingest_options import IngestOptions
from app.services.jobs import Outcome, get_job, run_job
from app.services.process_video import crops, run
from app.storage import people as people_rows
from app.storage.blobs import BlobStore
from app.storage.database import Database
from app.vision import FaceEngine, get_pack
from benchmarks.clock import Elapsed, Steps, timed
from benchmarks.figures import Cost
from benchmarks.replay import Recording, recorded, replay_models, replay_networks

# What the steps of a run are called, in the order of the table.
STEPS = (
    "copying the file in",
    "waiting for the decoder",
    "detecting",
    "aligning",
    "embedding",
    "judging quality",
    "crops",
    "database",
    "tracks",
    "grouping",
    "other",
)


@dataclass(frozen=True)
class Film:
    """What is measured.

    Attributes:
        name: For people.
        path: The file.
        interval: Seconds between samples.
    """

    name: str
    path: Path
    interval: float


@dataclass(frozen=True)
class Measured:
    """The runs of one film.

    Attributes:
        name: The film's.
        seconds: Its length.
        frames: Samples that were looked at.
        faces: Faces that were found.
        people: People they were grouped into.
        wall: Wall times of each run.
        cpu: Processor times of each run.
        steps: For each run, the wall seconds by step.
    """

    name: str
    seconds: float
    frames: int
    faces: int
    people: int
    wall: list[Cost]
    cpu: list[Cost]
    steps: list[dict[str, float]]


def new_context(folder: Path, models: Path, engine: FaceEngine | None = None) -> Context:
    """An empty SQLite library with everything at its default.

    Args:
        folder: For all of its data.
        models: Where the rebuilt networks are kept.
        engine: A loaded engine; ``None`` loads one when it is asked for.
    """
    values = {"faaaaaces_data": str(folder), "models_folder": str(models), "face_pack": "bundled"}
    context = build_context(Settings.model_validate(values))
    context.database.upgrade()
    return context if engine is None else replace(context, engine=lambda: engine)


def load_engine(models: Path) -> FaceEngine:
    """The engine with the default settings, warm."""
    engine = FaceEngine(get_pack("bundled"), models)
    engine.warm_up()
    return engine


def ingest_film(
    context: Context, film: Film, steps: Steps | None = None, on_looked: Callable[[], None] = lambda: None
) -> str:
    """Takes a file in, looks at it and groups the library, as workers do; returns the job's id.

    ``on_looked`` is called when the video's own job is done, before the library is grouped.

    Raises:
        RuntimeError: A job did not succeed.
    """
    steps = steps or Steps()
    with steps.step("copying the file in"):
        job_id = submit_file(context, film.path, IngestOptions(interval=film.interval)).job_id
    _do(context, job_id)
    on_looked()
    with steps.step("grouping"):
        _do(context, request_clustering(context))
    return job_id


def _do(context: Context, job_id: str) -> None:
    if run_job(context, job_id) is not Outcome.SUCCEEDED:
        raise RuntimeError(f"a job failed: {get_job(context, job_id).error}")


def measure(film: Film, engine: FaceEngine, models: Path, runs: int, say: Callable[[str], None]) -> Measured:
    """Measures a film several times, in a process that has done it once, as a worker has.

    Each run measures decoding alone, the models alone and the whole pipeline one after the other, so that a slow
    moment of the machine hits all of them.

    Args:
        film: What to measure.
        engine: A warm engine.
        models: Where its networks are kept.
        runs: How many times, after one run that is not counted.
        say: Told how far it is.
    """
    say(f"{film.name}: recording")
    wall, cpu, steps = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        context = new_context(Path(folder), models, engine)
        with recorded() as recording:
            job = get_job(context, ingest_film(context, film))
        people = _count_people(context)
        _forget(context, job)
        for number in range(1, runs + 1):
            parts, by_step = _run(context, film, recording)
            wall.append(Cost(*(part.wall for part in parts)))
            cpu.append(Cost(*(part.cpu for part in parts)))
            steps.append(by_step)
            say(f"{film.name}: run {number} of {runs}: {wall[-1].total:.2f} s, own cost {wall[-1].own_cost:+.1%}")
        context.database.dispose()
    length = probe(film.path).duration or 0.0
    return Measured(film.name, length, int(job.done), job.faces_found, people, wall, cpu, steps)


def _run(context: Context, film: Film, recording: Recording) -> tuple[list[Elapsed], dict[str, float]]:
    with timed() as decode, FrameSampler(film.path, film.interval) as sampler:
        for _ in sampler:
            pass
    detect, embed = replay_models(recording.detect), replay_models(recording.embed)
    networks = replay_networks(recording.tape)
    steps, timings = Steps(), context.engine().timings
    before = replace(timings)
    with _counted(steps), timed() as total:
        job_id = ingest_film(context, film, steps)
    _forget(context, get_job(context, job_id))
    by_step = dict(steps.seconds)
    by_step["detecting"] = timings.detect - before.detect
    by_step["aligning"] = timings.align - before.align
    by_step["embedding"] = timings.embed - before.embed
    by_step["judging quality"] = timings.quality - before.quality
    by_step["other"] = total.wall - sum(by_step.values())
    return [decode, detect, embed, networks, total], by_step


def _forget(context: Context, job: Job) -> None:
    """Empties the library again, or the next run would find its video there."""
    if job.video_id is not None:
        delete_video(context, job.video_id)


@contextmanager
def _counted(steps: Steps) -> Iterator[None]:
    """Counts the steps inside a video's job; the engine counts its own."""
    calls: list[tuple[str, Any, str]] = [
        ("waiting for the decoder", run, "probe"),
        ("waiting for the decoder", FrameSampler, "__init__"),
        ("waiting for the decoder", FrameSampler, "__next__"),
        ("crops", crops, "encode_jpeg"),
        ("crops", BlobStore, "write"),
        ("tracks", run, "link_tracks"),
    ]
    with ExitStack() as stack:
        for name, owner, attribute in calls:
            stack.enter_context(patch.object(owner, attribute, steps.around(name, getattr(owner, attribute))))
        stack.enter_context(patch.object(Database, "write", steps.around_block("database", Database.write)))
        yield


def _count_people(context: Context) -> int:
    with context.database.session() as session:
        return people_rows.count(session)
