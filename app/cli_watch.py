"""``faaaaaces watch``: adds what comes into a folder, and looks at it in this process."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from app.cli_base import open_context, plain_errors
from app.cli_jobs import as_looked_at
from app.domain import JobState, QueueName, Sampling
from app.services.context import Context
from app.services.grouping import cluster_library
from app.services.ingest_options import PRIORITY_MANY, IngestOptions
from app.services.jobs import Outcome, get_job, recover_jobs, run_job, work
from app.services.library import video_row
from app.services.watching import SETTLE_SECONDS, FolderWatch, Found, WatchOptions


@click.command("watch")
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    metavar="DIR...",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--interval", type=float, help="Seconds between the frames that are looked at; 0.5 is allowed.")
@click.option("--sampling", type=click.Choice([one.value for one in Sampling]), help="Which frames are looked at.")
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Also watch folders of folders.")
@click.option("--in-place", is_flag=True, help="Use files where they lie instead of copies; they are never changed.")
@click.option(
    "--settle",
    type=click.FloatRange(0.1, 3600),
    default=SETTLE_SECONDS,
    show_default=True,
    help="Seconds for which a file must stay as it is before it is added.",
)
@click.option("--poll", is_flag=True, help="Look again and again; for folders of other machines.")
@click.option("--only-add", is_flag=True, help="Add only; a server that runs beside does the work.")
@plain_errors
def watch_command(
    folders: tuple[Path, ...],
    interval: float | None,
    sampling: str | None,
    recursive: bool,
    in_place: bool,
    settle: float,
    poll: bool,
    only_add: bool,
) -> None:
    """Adds videos and pictures that are in folders or come into them; Ctrl-C ends it.

    Files are added once they are complete. What is in the library already is not added again.
    """
    chosen = Sampling(sampling) if sampling else None
    options = IngestOptions(interval=interval, sampling=chosen, priority=PRIORITY_MANY)
    context, console = open_context(), Console(soft_wrap=True)
    looker = None if only_add else Looker(context, console)

    def report(found: Found) -> None:
        console.print(_line(found), highlight=False)
        if looker is not None and found.submission is not None:
            looker.add(found.submission.job_id)

    watch = FolderWatch(context, folders, WatchOptions(options, recursive, in_place, settle, poll), report)
    with _stop_on_signal(context) as stop:
        console.print(f"Watching {', '.join(folder.name or str(folder) for folder in folders)}. Ctrl-C ends it.")
        if looker is not None:
            looker.start()
        try:
            watch.run(stop)
        finally:
            context.stopping.set()
            if looker is not None:
                looker.end()
    console.print("Ended. What was not finished goes on at the next start.")


def _line(found: Found) -> str:
    name = found.path.name
    if found.error is not None:
        return f"[red]✗[/red] {name}: {found.error.message}"
    submission = found.submission
    if submission is not None and submission.duplicate:
        return f"· {name}: in the library already, {as_looked_at(submission.interval, submission.sampling)}"
    return f"+ {name}: added"


@contextmanager
def _stop_on_signal(context: Context) -> Iterator[threading.Event]:
    """An event that the first Ctrl-C, or the wish of the system, sets; the second Ctrl-C ends the program at once."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        context.stopping.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Looker:
    """Works on the jobs of what was added, one after the other, in a thread; groups the library when none is left."""

    def __init__(self, context: Context, console: Console) -> None:
        self._context = context
        self._console = console
        self._jobs: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="looker")

    def start(self) -> None:
        """Begins with what an earlier run has left."""
        self._thread.start()

    def add(self, job_id: str) -> None:
        """One more job."""
        self._jobs.put(job_id)

    def end(self) -> None:
        """Waits until the chunk in hand is stored."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        recover_jobs(self._context)
        news = False
        while not self._context.stopping.is_set() and work(self._context, QueueName.VISION) is not Outcome.NOT_CLAIMED:
            news = True
        while True:
            if self._jobs.empty() and news and not self._context.stopping.is_set():
                people = cluster_library(self._context).people
                self._console.print(f"{'1 person' if people == 1 else f'{people} people'} in the library.")
                news = False
            job_id = self._jobs.get()
            if job_id is None or self._context.stopping.is_set():
                return
            news |= self._look(job_id)

    def _look(self, job_id: str) -> bool:
        if run_job(self._context, job_id) is Outcome.NOT_CLAIMED:
            return False  # it is done already, or another worker has it
        job = get_job(self._context, job_id)
        if job.state is JobState.FAILED:
            self._console.print(f"[red]✗[/red] {job.error}", highlight=False)
        elif job.state is JobState.SUCCEEDED:
            note = f" [yellow]{job.note}[/yellow]" if job.note else ""
            found = "1 face" if job.faces_found == 1 else f"{job.faces_found} faces"
            self._console.print(f"[green]✓[/green] {self._title(job.video_id)}: {found}{note}", highlight=False)
        return True

    def _title(self, video_id: int | None) -> str:
        return video_row(self._context, video_id).title if video_id is not None else ""
