"""``faaaaaces ingest``: files the sources and runs their jobs in this process, with progress bars."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.progress import Progress

from app.cli_base import open_context, plain_errors, print_json
from app.cli_jobs import as_looked_at, make_progress, run_with_bar
from app.domain import JobState, Sampling
from app.errors import AppError, NotFoundError
from app.services.context import Context
from app.services.folders import look_into
from app.services.grouping import ClusterSummary, cluster_library, newest_person, people_since
from app.services.ingest import Submission, submit_file
from app.services.ingest_links import read_list, submit_url
from app.services.ingest_options import IngestOptions
from app.services.jobs import get_job
from app.services.pictures import submit_folder
from app.services.playlist import rest_of_playlist

ADDRESSES = ("http://", "https://")


@dataclass(frozen=True)
class Result:
    """What became of one source."""

    source: str
    video_id: int | None = None
    job_id: str | None = None
    faces: int = 0
    duplicate: bool = False
    again: bool = False
    interval: float | None = None
    sampling: Sampling | None = None
    note: str | None = None
    error: str | None = None

    def line(self) -> str:
        """The same for people, with rich's marks."""
        if self.error:
            return f"[red]✗[/red] {self.source}: {self.error}"
        faces = "1 face" if self.faces == 1 else f"{self.faces} faces"
        # An interval that was asked for does not apply to what is there; do not leave people guessing.
        looked = as_looked_at(self.interval, self.sampling)
        remark = ""
        if self.again:
            remark = f" (in the library already, {looked} again)"
        elif self.duplicate:
            remark = f" (in the library already, {looked}; --again looks anew)"
        note = f" [yellow]{self.note}[/yellow]" if self.note else ""
        return f"[green]✓[/green] {self.source}: {faces}{remark}{note}"


@dataclass
class IngestReport:
    """What became of all sources.

    Attributes:
        results: One entry per file, set of pictures or address, in order.
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
            console.print(result.line(), highlight=False)
        if self.summary:
            people = "1 person" if self.summary.people == 1 else f"{self.summary.people} people"
            console.print(f"[bold]{people}[/bold] in the library, {self.summary.new_people} of them new.")


@dataclass(frozen=True)
class Asked:
    """What the command line asked for.

    Attributes:
        options: How everything shall be looked at.
        recursive: Whether folders within folders count.
        in_place: Whether files are used where they lie.
    """

    options: IngestOptions
    recursive: bool = True
    in_place: bool = False


@click.command("ingest")
@click.argument("sources", nargs=-1, metavar="PATH|URL...")
@click.option(
    "-f",
    "--file",
    "lists",
    type=click.File(encoding="utf-8-sig"),
    multiple=True,
    help="A text file with one source per line; - for the standard input.",
)
@click.option("--playlist", is_flag=True, help="Fetch all videos of a playlist, up to PLAYLIST_MAX_VIDEOS.")
@click.option("--interval", type=float, help="Seconds between the frames that are looked at; 0.5 is allowed.")
@click.option("--sampling", type=click.Choice([one.value for one in Sampling]), help="Which frames are looked at.")
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Also look into folders of folders.")
@click.option("--in-place", is_flag=True, help="Use files where they lie instead of copies; they are never changed.")
@click.option("--again", is_flag=True, help="Look anew, with these settings, at what is in the library already.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@plain_errors
def ingest_command(
    sources: tuple[str, ...],
    lists: tuple[TextIO, ...],
    playlist: bool,
    interval: float | None,
    sampling: str | None,
    recursive: bool,
    in_place: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Adds videos, pictures, folders of them or addresses, and finds the faces in them.

    The pictures of a folder are one set; those that are added to it later are a set of their own.
    """
    sources += tuple(line for file in lists for line in read_list(file.read()))
    if not sources:
        raise click.UsageError("Name a file, a folder or an address, or a list of them with -f.")
    looked = Sampling(sampling) if sampling else None
    options = IngestOptions(interval=interval, sampling=looked, again=again, playlist=playlist)
    report = ingest_all(open_context(), sources, Asked(options, recursive, in_place), Console(stderr=True))
    if as_json:
        print_json(report.as_dict())
    else:
        report.print(Console())
    if report.failed:
        sys.exit(1)


def ingest_all(context: Context, sources: Sequence[str], asked: Asked, console: Console) -> IngestReport:
    """Ingests files, folders and addresses one after the other, then groups the library.

    Args:
        context: The context; its queue is not used.
        sources: Paths of files or folders, or http(s) addresses.
        asked: What was asked for.
        console: Where progress is shown.

    Returns:
        What became of each; one bad source does not stop the others.
    """
    report, newest = IngestReport(), newest_person(context)
    with make_progress(console) as progress:
        for source in sources:
            for name, submit in _expand(context, source, asked):
                report.results.extend(_ingest_one(context, name, submit, progress))
    if any(not result.error for result in report.results):
        report.summary = replace(cluster_library(context), new_people=people_since(context, newest))
    return report


Submit = Callable[[], Iterable[Submission]]


def _expand(context: Context, source: str, asked: Asked) -> Iterator[tuple[str, Submit]]:
    """What a source stands for: a name, and what files it."""
    path = Path(source)
    if source.startswith(ADDRESSES):
        yield source, partial(_link, context, source, asked.options)
    elif "://" in source:
        yield source, partial(_fail, "Only http and https addresses can be fetched.")
    elif not path.is_dir():
        yield source, partial(_one, context, path, asked)
    else:
        found = look_into(path, recursive=asked.recursive)
        for video in found.videos:
            yield str(video), partial(_one, context, video, asked)
        for folder, pictures in found.pictures.items():
            yield str(folder), partial(submit_folder, context, folder, pictures, asked.options, in_place=asked.in_place)
        if not found:
            yield source, partial(_fail, "There is no video and no picture in this folder.")


def _link(context: Context, url: str, options: IngestOptions) -> Iterator[Submission]:
    submission = submit_url(context, url, options)
    yield submission
    if options.playlist:  # its job has been run by now, and has filed the others
        yield from rest_of_playlist(context, submission.job_id)


def _one(context: Context, path: Path, asked: Asked) -> Iterable[Submission]:
    return [submit_file(context, path, asked.options, in_place=asked.in_place)]


def _fail(message: str) -> Iterable[Submission]:
    raise NotFoundError(message)


def _ingest_one(context: Context, source: str, submit: Submit, progress: Progress) -> Iterator[Result]:
    name = source if "://" in source else Path(source).name
    bar = progress.add_task(name[:40], total=None, faces="")
    try:
        for submission in submit():
            run_with_bar(context, submission.job_id, progress, bar)
            yield _result(context, source, submission)
    except AppError as error:
        yield Result(source, error=error.message)
    finally:
        progress.remove_task(bar)


def _result(context: Context, source: str, submission: Submission) -> Result:
    job = get_job(context, submission.job_id)
    error = None
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        error = job.error or "The job was cancelled."
    elif not job.state.is_final and job.error:
        error = f"{job.error} It is tried again by the next worker that runs."
    return Result(
        source=source,
        video_id=job.video_id,
        job_id=job.id,
        faces=job.faces_found,
        duplicate=submission.duplicate,
        again=submission.again,
        interval=submission.interval,
        sampling=submission.sampling,
        note=job.note,
        error=error,
    )
