"""What a job has behind it, does, and has before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.domain import JobKind, JobState, QueueName
from app.storage.views.shapes import JobRow

StepState = Literal["done", "running", "to_come", "paused", "failed", "cancelled"]

STEPS: dict[JobKind, tuple[str, ...]] = {
    JobKind.FETCH_VIDEO: ("waiting", "downloading", "looking", "linking", "done"),
    JobKind.PROCESS_VIDEO: ("waiting", "looking", "linking", "done"),
    JobKind.SEGMENT: ("waiting", "looking", "done"),
    JobKind.CLUSTER: ("waiting", "grouping", "done"),
    JobKind.EXPORT: ("waiting", "writing", "done"),
}
UNITS = {"downloading": "bytes", "looking": "frames", "writing": "faces"}
_STOPPED: dict[JobState, StepState] = {
    JobState.RUNNING: "running",
    JobState.PAUSED: "paused",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job.

    Attributes:
        name: Such as ``looking``.
        state: Where it stands; that of a job which ended early where it ended.
        progress: 0..1, or ``None`` where the end is not known.
        done: Units done, where they are counted.
        total: Of how many, where known.
        unit: ``bytes``, ``frames`` or ``faces``; ``None`` where nothing is counted.
    """

    name: str
    state: StepState
    progress: float | None = None
    done: float | None = None
    total: float | None = None
    unit: str | None = None


def steps_of(job: JobRow) -> list[Step]:
    """The steps of a job, in order."""
    names = STEPS[job.kind]
    reached = _reached(job, names)
    return [_step(job, name, number, reached) for number, name in enumerate(names)]


def _reached(job: JobRow, names: tuple[str, ...]) -> int:
    """Number of the step that the job is at; the first real one while it has only waited."""
    if job.step in names[1:]:
        return names.index(job.step)
    if job.kind is JobKind.FETCH_VIDEO and job.step != "downloading":
        # its file is there already: it waits for somebody who looks, or fetches the networks to do so
        return names.index("looking") if job.queue is QueueName.VISION else 1
    return 1


def _step(job: JobRow, name: str, number: int, reached: int) -> Step:
    state = _state(job, name, number, reached)
    done, total = _numbers(job, name, number, reached)
    known = done is not None and total
    progress = 1.0 if state == "done" else min(done / total, 1.0) if known and done is not None and total else None
    return Step(name, state, 0.0 if state == "to_come" and progress is None else progress, done, total, UNITS.get(name))


def _state(job: JobRow, name: str, number: int, reached: int) -> StepState:
    if job.state is JobState.SUCCEEDED:
        return "done"
    if name == "waiting":
        return _waiting(job)
    if number != reached or name == "done":
        return "done" if number < reached else "to_come"
    if job.step == "waiting":
        return "to_come"  # whatever became of the job, this never began
    return _STOPPED.get(job.state, "to_come")


def _waiting(job: JobRow) -> StepState:
    if job.state is JobState.QUEUED:
        return "running"
    if job.state is JobState.PAUSED:
        return "paused"
    # a job that was cancelled, or failed, before anybody took it
    return _STOPPED.get(job.state, "done") if job.started_at is None else "done"


def _numbers(job: JobRow, name: str, number: int, reached: int) -> tuple[float | None, float | None]:
    if name == job.step or (name in ("looking", "writing") and job.step in ("linking", "done")):
        return (job.done, job.total) if name in UNITS else (None, None)
    if name == "downloading" and number < reached:
        size = float(job.size_bytes) if job.size_bytes is not None else None
        return size, size
    return None, None
