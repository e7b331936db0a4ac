"""``faaaaaces ingest``: files the sources and runs their jobs in this process, with progress bars."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from app.domain import JobState
from app.errors import AppError, NotFoundError
from app.services.cluster import ClusterSummary, cluster_library
from app.services.context import Context
from app.services.folders import look_into
from app.services.ingest import Submission, submit_file
from app.services.ingest_links import submit_url
from app.services.ingest_options import IngestOptions
from app.services.jobs import get_job, run_job

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Result:
    """What became of one source."""

    source: str
    video_id: int | None = None
    job_id: str | None = None
    faces: int = 0
    duplicate: bool = False
    interval: float | None = None
    note: str | None = None
    error: str | None = None


@dataclass
class IngestReport:
    """What became of all sources.

    Attributes:
        results: One entry per file or address, in order.
        summary: The library after it, or ``None`` where nothing could be added.
    """

    results: list[Result] = field(default_factory=list)
    summary: ClusterSummary | None = None

    @property
    def failed(self) -> list[Result]:
        """The sources that failed."""
        return [result for result in self.results if result.error]

    def as_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        people = self.summary.people if self.summary else 0
        return {"videos": [vars(result) for result in self.results], "people": people}

    def print(self, console: Console) -> None:
        """Prints the report for people."""
        for result in self.results:
            if result.error:
                console.print(f"[red]✗[/red] {result.source}: {result.error}", highlight=False)
            else:
                faces = "1 face" if result.faces == 1 else f"{result.faces} faces"
                # An interval that was asked for does not apply to what is there; do not leave people guessing.
                remark = f" (in the library already, looked at every {result.interval:g} s)" if result.duplicate else ""
                note = f" [yellow]{result.note}[/yellow]" if result.note else ""
                console.print(f"[green]✓[/green] {result.source}: {faces}{remark}{note}", highlight=False)
        if self.summary:
            people = "1 person" if self.summary.people == 1 else f"{self.summary.people} people"
            console.print(f"[bold]{people}[/bold] in the library, {self.summary.new_people} of them new.")


def ingest_all(context: Context, sources: Sequence[str], interval: float | None, console: Console) -> IngestReport:
    """Ingests files, folders and addresses one after the other, then groups the library.

    Args:
        context: The context; its queue is not used.
        sources: Paths of files or folders, or http(s) addresses.
        interval: Seconds between samples; the setting's where ``None``.
        console: Where progress is shown.

    Returns:
        What became of each; one bad source does not stop the others.
    """
    report = IngestReport()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[faces]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        for source in sources:
            for item in _expand(source):
                report.results.append(
                    item if isinstance(item, Result) else _ingest_one(context, str(item), interval, progress)
                )
    if any(not result.error for result in report.results):
        report.summary = cluster_library(context)
    return report


def _expand(source: str) -> Iterator[str | Path | Result]:
    path = Path(source)
    if source.startswith(("http://", "https://")) or not path.is_dir():
        yield source
        return
    videos = look_into(path).videos
    yield from videos
    if not videos:
        yield Result(source, error="There is no video in this folder.")


def _ingest_one(context: Context, source: str, interval: float | None, progress: Progress) -> Result:
    name = source if "://" in source else Path(source).name
    bar = progress.add_task(name[:40], total=None, faces="")
    try:
        submission = _submit(context, source, interval)
        _watch(context, submission.job_id, progress, bar)
    except AppError as error:
        return Result(source, error=error.message)
    finally:
        progress.remove_task(bar)
    job = get_job(context, submission.job_id)
    failed = job.state in (JobState.FAILED, JobState.CANCELLED)
    return Result(
        source=source,
        video_id=job.video_id,
        job_id=job.id,
        faces=job.faces_found,
        duplicate=submission.duplicate,
        interval=job.params.get("interval"),
        note=job.note,
        error=(job.error or "The job was cancelled.") if failed else None,
    )


def _submit(context: Context, source: str, interval: float | None) -> Submission:
    if source.startswith(("http://", "https://")):
        return submit_url(context, source, IngestOptions(interval=interval))
    if "://" in source:
        raise NotFoundError("Only http and https addresses can be fetched.")
    return submit_file(context, Path(source), IngestOptions(interval=interval))


def _watch(context: Context, job_id: str, progress: Progress, bar: TaskID) -> None:
    """Runs the job in a thread and moves the bar until it ends."""
    worker = threading.Thread(target=run_job, args=(context, job_id), name="ingest", daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(POLL_SECONDS)
        job = get_job(context, job_id)
        faces = f"{job.faces_found} faces" if job.faces_found else job.step
        progress.update(bar, completed=job.done, total=job.total, faces=faces)
