"""How numbers, times and sizes are written on pages."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from app.domain import JobKind, JobState, QualityReason, QueueName
from app.services.library import Step
from app.storage.views.shapes import JobRow

REASONS = {
    QualityReason.SMALL: "too small",
    QualityReason.BLURRED: "blurred",
    QualityReason.PROFILE: "seen from the side",
    QualityReason.DARK: "too dark",
    QualityReason.CUT_OFF: "cut off by the frame",
    QualityReason.LOW_CONFIDENCE: "perhaps no face",
    QualityReason.UNLIKE_FACE: "unlike a face",
}
STATES = {
    JobState.QUEUED: "Waiting",
    JobState.RUNNING: "Running",
    JobState.PAUSED: "Paused",
    JobState.SUCCEEDED: "Done",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
}
STEPS = {
    "waiting": "Waiting for a worker",
    "downloading": "Downloading",
    "fetching": "Fetching the networks",
    "looking": "Looking for faces",
    "linking": "Following faces",
    "grouping": "Grouping people",
    "writing": "Writing the file",
    "done": "Done",
}
STEP_TITLES = {**STEPS, "waiting": "Waiting"}  # in a list of steps
LOADING = ("downloading", "fetching")  # counted in bytes
COUNTED = {"looking": "frame", "writing": "face"}
KINDS = {
    JobKind.FETCH_VIDEO: "Download and look for faces",
    JobKind.PROCESS_VIDEO: "Look for faces",
    JobKind.SEGMENT: "Look for faces in a part",
    JobKind.CLUSTER: "Group all faces into people",
    JobKind.EXPORT: "Export all faces",
}
LOOKING = (JobKind.FETCH_VIDEO, JobKind.PROCESS_VIDEO, JobKind.SEGMENT)  # find faces
STEP_STATES = {
    "done": "done",
    "running": "at work",
    "to_come": "to come",
    "paused": "paused",
    "failed": "failed",
    "cancelled": "cancelled",
}
QUEUES = {
    QueueName.DOWNLOAD: "Downloads",
    QueueName.VISION: "Looking for faces",
    QueueName.CLUSTER: "Grouping",
    QueueName.EXPORT: "Exports",
}


def timestamp(seconds: float | None) -> str:
    """A moment of a video: ``m:ss.s``, from an hour on ``h:mm:ss.s``."""
    tenths = round(max(seconds or 0.0, 0.0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def clock(seconds: float | None) -> str:
    """The length of a video: ``m:ss`` or ``h:mm:ss``."""
    whole = round(max(seconds or 0.0, 0.0))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float | None) -> str:
    """A span for people: ``8.5 s``, ``1 min 20 s``, ``2 h 5 min``."""
    value = max(seconds or 0.0, 0.0)
    if value < 59.95:
        text = f"{value:.1f}".removesuffix(".0")
        return f"{text} s"
    whole = round(value)
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def size(count: int | float | None) -> str:
    """Bytes in powers of 1000: ``820 B``, ``1.4 MB``."""
    value = float(count or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def number(count: int | float) -> str:
    """A count with separators: ``12,345``."""
    return f"{count:,}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: ``1 face``, ``2 faces``, ``3 people``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def iso(moment: datetime) -> str:
    """A moment for the ``datetime`` attribute."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def day(moment: datetime) -> str:
    """A moment where JavaScript does not put it into the reader's own form: ``22 Nov 2026, 07:15 UTC``."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M} UTC"


def clock_time(moment: datetime) -> str:
    """A moment of a log where JavaScript does not put it into the reader's own form: ``07:15:09``."""
    return f"{moment.astimezone(UTC):%H:%M:%S}"


def step_numbers(step: Step) -> str:
    """How far a step is: ``12 of 40 frames``, ``5.0 MB of 20.0 MB``."""
    done, total = step.done or 0.0, step.total or 0.0
    if step.unit == "bytes":
        return size(total) if done >= total else f"{size(done)} of {size(total)}"
    noun = (step.unit or "units").removesuffix("s")
    return plural(round(total), noun) if done >= total else f"{number(int(done))} of {plural(round(total), noun)}"


def percent(fraction: float) -> str:
    """A share: ``42 %``."""
    return f"{fraction * 100:.0f} %"


def host(address: str) -> str:
    """The site of an address, without ``www.``."""
    return (urlsplit(address).hostname or address).removeprefix("www.")


def reasons(names: tuple[str, ...]) -> str:
    """Why a face is too poor, in words."""
    known = {str(key): text for key, text in REASONS.items()}
    return ", ".join(known.get(name, name.replace("_", " ")) for name in names)


def job_line(job: JobRow) -> str:
    """What a job is doing, in one line; ``live.js`` shows the same text while it changes."""
    if job.state is not JobState.RUNNING:
        return _standing_line(job)
    parts = [STEPS.get(job.step, job.step.capitalize())]
    if job.step in LOADING and job.done:
        parts.append(f"{size(job.done)} of {size(job.total)}" if job.total else size(job.done))
    elif job.step in COUNTED and job.total:
        parts.append(f"{number(int(job.done))} of {plural(round(job.total), COUNTED[job.step])}")
    if job.kind in LOOKING and job.step not in LOADING:
        parts.append(plural(job.faces_found, "face"))
    if job.seconds_left is not None and job.seconds_left >= 1:
        parts.append(f"about {duration(round(job.seconds_left))} left")
    return " · ".join(parts)


def _standing_line(job: JobRow) -> str:
    """Of a job that does not run."""
    if job.state is JobState.QUEUED and job.error:
        return "Waiting for the next try"
    parts = [STEPS["waiting"] if job.state is JobState.QUEUED else STATES[job.state]]
    if job.state in (JobState.QUEUED, JobState.PAUSED) and job.step in COUNTED and job.total and job.done:
        parts.append(f"{number(int(job.done))} of {plural(round(job.total), COUNTED[job.step])} done")
    return " · ".join(parts)
