"""Measures what is not measured yet and stores it beside the library, piece by piece, so that a kill loses little."""

from __future__ import annotations

import time
from collections.abc import Iterator

from app.models import Face, StagedFace, Video
from app.services.context import Context
from app.services.library_lock import LibraryLock
from app.services.migrate_pack.measure import BATCH, FaceMeasurer, Measured
from app.services.migrate_pack.report import Progress
from app.storage import jobs as job_rows
from app.storage import migration as stage_rows
from app.storage import vectors
from app.storage.migration import GONE
from app.vision import FaceEngine


class Stopwatch:
    """Counts the faces that were measured and the time it took."""

    def __init__(self) -> None:
        self.faces = 0
        self.seconds = 0.0

    def watch(self, pieces: Iterator[list[Measured]]) -> Iterator[list[Measured]]:
        """Passes pieces on; the time between them is the reader's and does not count."""
        started = time.perf_counter()
        for piece in pieces:
            self.faces += sum(one.source != GONE for one in piece)
            self.seconds += time.perf_counter() - started
            yield piece
            started = time.perf_counter()
        self.seconds += time.perf_counter() - started


def stage_missing(
    context: Context, engine: FaceEngine, lock: LibraryLock, progress: Progress, watch: Stopwatch
) -> None:
    """Measures and stages all faces that are not staged.

    Args:
        context: The context.
        engine: The new pack's engine.
        lock: This process's right to do so.
        progress: Hears of every piece.
        watch: Adds up time.

    Raises:
        JobLostError: Another process took over.
    """
    measurer = FaceMeasurer(context, engine)
    with context.database.session() as session:
        videos = stage_rows.videos_with_faces(session, unstaged_only=True)
    for video in videos:
        pages = pages_of(context, video, unstaged_only=True)
        for piece in watch.watch(measurer.measure(video, interval_of(context, video), pages)):
            lock.check()
            with context.database.write() as session:
                lock.fence(session)
                stage_rows.stage(session, [as_row(one) for one in piece])
            progress.add(len(piece))


def pages_of(context: Context, video: Video, *, unstaged_only: bool = False) -> Iterator[list[Face]]:
    """Faces of a video in pieces; no transaction is held between them."""
    last = (-1, -1)
    while True:
        with context.database.session() as session:
            page = stage_rows.faces_page(session, video.id, last, BATCH, unstaged_only=unstaged_only)
        if not page:
            return
        yield page
        last = (page[-1].sample, page[-1].ordinal)


def interval_of(context: Context, video: Video) -> float | None:
    """Seconds between the samples at which a video's faces were found, ``None`` where nothing tells."""
    if video.interval is not None:
        return video.interval
    with context.database.session() as session:
        job = job_rows.latest_for_video(session, video.id)
    given = job.params.get("interval") if job is not None else None
    return float(given) if given else None


def as_row(measured: Measured) -> StagedFace:
    """A measured face as a row."""
    return StagedFace(
        face_id=measured.face_id,
        source=measured.source,
        embedding=None if measured.embedding is None else vectors.encode(measured.embedding),
        quality=measured.quality,
        quality_reasons=[reason.value for reason in measured.reasons],
    )
