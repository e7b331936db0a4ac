"""Watches folders: files that are new or changed are added once they are complete."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import DirCreatedEvent, DirMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

from app.errors import AppError, DatabaseAwayError, DiskFullError, NotFoundError, TooLargeError
from app.services.context import Context
from app.services.filing import Submission
from app.services.folders import is_picture_name, is_video_name, look_into
from app.services.ingest import NO_OPTIONS, submit_file
from app.services.ingest_options import IngestOptions
from app.services.local_files import FileMark, mark_of
from app.services.pictures import submit_folder
from app.services.settling import Settler
from app.storage import sources as source_rows

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 3.0
RESCAN_SECONDS = 300.0  # the system forgets to tell of files where very many come at once
RETRY_SECONDS = 60.0  # after a failure that has nothing to do with the file


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a file, or of the pictures of a folder.

    Attributes:
        path: The file, or the folder.
        submission: What was filed; ``None`` where it was refused.
        error: Why it was refused.
    """

    path: Path
    submission: Submission | None = None
    error: AppError | None = None


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How folders are watched.

    Attributes:
        options: How what is found shall be looked at.
        recursive: Whether folders within folders count.
        in_place: Whether files are used where they lie.
        settle_seconds: How long a file must stay as it is before it is added.
        polling: Look again and again instead of being told by the system; for folders of other machines.
    """

    options: IngestOptions = NO_OPTIONS
    recursive: bool = True
    in_place: bool = False
    settle_seconds: float = SETTLE_SECONDS
    polling: bool = False


class FolderWatch:
    """Adds what is in some folders, and then what comes.

    What the library knows by path, size and date is not even opened, so a start is quick and files nothing twice.

    Args:
        context: The context.
        folders: The folders.
        options: How they are watched.
        report: Told of each file that was added or refused; called in the thread of :meth:`run`.
    """

    def __init__(
        self, context: Context, folders: Sequence[Path], options: WatchOptions, report: Callable[[Found], None]
    ) -> None:
        self._context = context
        self._folders = [folder.resolve() for folder in folders]
        self._options = options
        self._report = report
        self._events: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._settler = Settler(options.settle_seconds)
        self._seen: dict[Path, FileMark] = {}
        self.ready = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Watches until it is told to stop.

        Args:
            stop: Set to stop; a file that is being added is finished first.

        Raises:
            NotFoundError: One of the folders is not there.
        """
        for folder in self._folders:
            if not folder.is_dir():
                raise NotFoundError(f"There is no folder {folder.name}.")
        self._remember_known()
        observer = self._observe()
        try:
            self._scan(self._folders)
            self.ready.set()
            scanned = time.monotonic()
            while not stop.is_set():
                self._hear(stop)
                self._add_settled(stop)
                if time.monotonic() - scanned > RESCAN_SECONDS:
                    self._scan(self._folders)
                    scanned = time.monotonic()
        finally:
            observer.stop()
            observer.join()

    def _observe(self) -> BaseObserver:
        """Before the first look, so that nothing slips through between the two."""
        handler = _Handler(self._events)
        kinds = [PollingObserver] if self._options.polling else [Observer, PollingObserver]
        for last, kind in ((kind is kinds[-1], kind) for kind in kinds):
            observer: BaseObserver = kind()
            try:
                for folder in self._folders:
                    observer.schedule(handler, str(folder), recursive=self._options.recursive)
                observer.start()
            except OSError as error:  # such as more folders than the system lets one program watch
                if last:
                    raise
                logger.warning("the system does not tell of changes", extra={"reason": error.strerror})
            else:
                return observer
        raise AssertionError("the last kind either works or raises")

    def _remember_known(self) -> None:
        with self._context.database.session() as session:
            known = source_rows.known_files(session)
        self._seen = {Path(path): FileMark(one.size, one.modified_ns) for path, one in known.items()}

    def _scan(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            found = look_into(folder, recursive=self._options.recursive)
            for path in [*found.videos, *(picture for files in found.pictures.values() for picture in files)]:
                self._notice(path)

    def _hear(self, stop: threading.Event) -> None:
        """Takes the events that have come, waiting a little for the first one."""
        try:
            path = self._events.get(timeout=min(self._options.settle_seconds / 4, 0.5))
            while not stop.is_set():
                if path.is_dir():
                    self._scan([path] if self._options.recursive else [])
                else:
                    self._notice(path)
                path = self._events.get_nowait()
        except queue.Empty:
            return

    def _notice(self, path: Path) -> None:
        hidden = any(part.startswith(".") for folder in self._folders for part in _below(folder, path))
        if hidden or not (is_video_name(path) or is_picture_name(path)):
            return
        try:
            known = self._seen.get(path.resolve()) == mark_of(path)
        except OSError:  # it went again
            known = False
        if not known:
            self._settler.touch(path, time.monotonic())

    def _add_settled(self, stop: threading.Event) -> None:
        settled = self._settler.settled(time.monotonic())
        new = sorted(settled)
        for path in new:
            if is_video_name(path) and not stop.is_set():
                self._add([path], path, lambda path=path: [self._submit(path)])  # type: ignore[misc]
        for folder in sorted({path.parent for path in new if is_picture_name(path)}):
            pictures = [path for path in new if path.parent == folder and is_picture_name(path)]
            if not stop.is_set() and not self._settler.unsettled_in(folder, settled):  # more of the set are coming
                self._add(pictures, folder, lambda folder=folder, pictures=pictures: self._submit_set(folder, pictures))  # type: ignore[misc]

    def _submit(self, path: Path) -> Submission:
        return submit_file(self._context, path, self._options.options, in_place=self._options.in_place)

    def _submit_set(self, folder: Path, pictures: Sequence[Path]) -> Iterable[Submission]:
        return submit_folder(self._context, folder, pictures, self._options.options, in_place=self._options.in_place)

    def _add(self, paths: Sequence[Path], name: Path, submit: Callable[[], Iterable[Submission]]) -> None:
        marks = {path: self._settler.mark(path) for path in paths}
        self._settler.take(paths)
        try:
            for submission in submit():
                self._report(Found(name, submission))
        except (DiskFullError, DatabaseAwayError, TooLargeError) as error:
            # the next one may fit, or there may be room by then
            self._report(Found(name, error=error))
            for path in paths:
                self._settler.touch(path, time.monotonic(), delay=RETRY_SECONDS)
            return
        except AppError as error:
            self._report(Found(name, error=error))
        self._seen.update({path.resolve(): mark for path, mark in marks.items()})


def _below(folder: Path, path: Path) -> tuple[str, ...]:
    return path.relative_to(folder).parts if path.is_relative_to(folder) else ()


class _Handler(FileSystemEventHandler):
    """Passes on what happens, in the observer's thread."""

    def __init__(self, events: queue.SimpleQueue[Path]) -> None:
        self._events = events

    def on_any_event(self, event: FileSystemEvent) -> None:
        """See :class:`watchdog.events.FileSystemEventHandler`."""
        new_folder = isinstance(event, DirCreatedEvent | DirMovedEvent)
        if event.event_type in ("created", "modified", "moved", "closed") and (new_folder or not event.is_directory):
            target = event.dest_path if event.event_type == "moved" else event.src_path
            if target:
                self._events.put(Path(str(target)))
