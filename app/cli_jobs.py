"""What ``ingest`` and ``watch`` share: running jobs in this process, with a bar for each."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from app.domain import Sampling
from app.services.context import Context
from app.services.jobs import get_job, run_job

POLL_SECONDS = 0.2


def make_progress(console: Console) -> Progress:
    """Bars that vanish when their work is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[faces]}"))
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True)


def run_with_bar(context: Context, job_id: str, progress: Progress, bar: TaskID) -> None:
    """Runs the job in a thread and moves the bar until it ends."""
    worker = threading.Thread(target=run_job, args=(context, job_id), name="ingest", daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(POLL_SECONDS)
        job = get_job(context, job_id)
        faces = f"{job.faces_found} faces" if job.faces_found else job.step
        progress.update(bar, completed=job.done, total=job.total, faces=faces)


def as_looked_at(interval: float | None, sampling: Sampling | None) -> str:
    """How something was looked at, such as ``looked at every 1 s``."""
    if interval is None:
        return "all pictures looked at"
    extra = f", {sampling.value}" if sampling not in (None, Sampling.INTERVAL) else ""
    return f"looked at every {interval:g} s{extra}"
