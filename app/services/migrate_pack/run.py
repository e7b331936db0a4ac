"""Changes the pack of the library: another detector and embedder, the same faces, people and names.

New vectors are stored beside the library, so a killed run goes on where it stopped and the library works on with the
old pack; then everything changes places in one transaction.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from sqlalchemy.orm import Session

from app.errors import ConflictError, ModelError
from app.models import EmbeddingSpace
from app.services.context import Context
from app.services.grouping import GROUPING_LOCK, apply_decision
from app.services.library_lock import LibraryLock, taken_at_once, waited_for
from app.services.migrate_pack.measure import FaceMeasurer
from app.services.migrate_pack.plan import Plan, make_plan, new_tracks, staged_tracks, state_after, state_of
from app.services.migrate_pack.report import MigrationReport, Progress
from app.services.migrate_pack.stage import Stopwatch, as_row, interval_of, pages_of, stage_missing
from app.services.models.choose import missing_parts, model_files, named_pack
from app.services.models.engines import make_engine
from app.services.models.store import verify_weights
from app.services.owners import is_owner_alive
from app.services.track_rules import track_settings
from app.storage import faces as face_rows
from app.storage import migration as stage_rows
from app.storage import questions
from app.storage import spaces as space_rows
from app.storage import tracks as track_rows
from app.storage.migration import GONE, NewTrack
from app.storage.rows import serialize_findings
from app.vision import FaceEngine, Pack

logger = logging.getLogger(__name__)

MIGRATION_LOCK = "migrate-pack"


def load_engine(context: Context, name: str) -> FaceEngine:
    """The engine of a pack, in the form that the settings ask for, whatever pack they name.

    Args:
        context: The context.
        name: Name of the pack.

    Raises:
        ConfigError: There is no such pack.
        ModelError: Its weights are missing or damaged; the message says how to get them.
    """
    settings = context.settings
    pack, files = named_pack(settings, name), model_files(settings)
    if (missing := missing_parts(pack, files)) is not None:
        raise ModelError(missing)
    verify_weights(pack, files)
    return make_engine(settings, pack)


def is_needed(context: Context, pack: Pack) -> bool:
    """Whether the library has faces of another pack; where not, a change that was begun is given up.

    Raises:
        ConflictError: The library has no face yet, so there is nothing to change.
    """
    with context.database.session() as session:
        present = space_rows.pinned(session)
    if present is None:
        raise ConflictError(f"The library has no faces yet. Set FACE_PACK={pack.name}; nothing has to be changed.")
    return (present.name, present.pack, present.dimension) != (pack.space, pack.name, pack.dimension)


def give_up(context: Context) -> int:
    """Throws away what was measured for a change of pack that did not come to its end; the library is not touched.

    Returns:
        How many faces had been measured.
    """
    with taken_at_once(context, MIGRATION_LOCK) as lock:
        _own(lock)
        with context.database.write() as session:
            return stage_rows.discard(session)


def preview(context: Context, engine: FaceEngine, tell: Callable[[Progress], None] = lambda _: None) -> MigrationReport:
    """Measures every face with another pack and says what would become of the library. Writes nothing.

    Args:
        context: The context.
        engine: The new pack's engine.
        tell: Hears how far the work is.

    Returns:
        The report. Memory grows with the number of tracks, not of faces.
    """
    pack = engine.pack
    with context.database.session() as session:
        progress = Progress(total=face_rows.count(session), tell=tell)
    watch, sources, gone = Stopwatch(), Counter[str](), list[int]()
    tracks = _measured_tracks(context, engine, progress, watch, sources, gone)
    progress.begin("grouping")
    with context.database.session() as session:
        plan = make_plan(context, session, tracks, pack)
        return _report(session, plan, pack, dict(sources), gone, watch)


def _measured_tracks(
    context: Context, engine: FaceEngine, progress: Progress, watch: Stopwatch, sources: Counter[str], gone: list[int]
) -> list[NewTrack]:
    measurer, tracks = FaceMeasurer(context, engine), list[NewTrack]()
    with context.database.session() as session:
        videos = stage_rows.videos_with_faces(session)
        begun = stage_rows.is_for(session, engine.pack.space, engine.pack.dimension)
    for video in videos:
        with context.database.session() as session:
            found = stage_rows.staged_in(session, video.id) if begun else []
            known = [row for row in found if row.source != GONE]
            ids = {row.face_id for row in known}
            known += [
                row for row in stage_rows.known_in(session, video.id, engine.pack.space) if row.face_id not in ids
            ]
        progress.add(len(known))
        ids = {row.face_id for row in known}
        pages = ([face for face in page if face.id not in ids] for page in pages_of(context, video))
        for piece in watch.watch(measurer.measure(video, interval_of(context, video), pages)):
            known += [as_row(one) for one in piece]
            progress.add(len(piece))
        sources.update(row.source for row in known)
        gone += [row.face_id for row in known if row.source == GONE]
        with context.database.session() as session:
            tracks += new_tracks(session, video.id, known, track_settings(context.settings, engine.pack))
    return tracks


def migrate(
    context: Context,
    engine: FaceEngine,
    *,
    confirm: Callable[[MigrationReport], bool] | None = None,
    tell: Callable[[Progress], None] = lambda _: None,
) -> MigrationReport:
    """Changes the pack of the library.

    Args:
        context: The context.
        engine: The new pack's engine.
        confirm: Sees what would become of the library and agrees; nobody is asked where ``None``. Where it does not,
            nothing changes, and what was measured is kept for the next run.
        tell: Hears how far the work is.

    Returns:
        What came of it; ``applied`` tells whether it was done.

    Raises:
        ConflictError: Videos are being processed, or another process changes the pack.
        JobLostError: Another process took over.
    """
    with taken_at_once(context, MIGRATION_LOCK) as held:
        lock = _own(held)
        progress, watch = _begin(context, engine.pack, tell), Stopwatch()
        while True:
            stage_missing(context, engine, lock, progress, watch)
            if confirm is not None:
                report = _foresee(context, engine.pack, progress, watch)
                if not confirm(report):
                    return report
                confirm = None
            done = _change(context, engine.pack, lock, progress, watch)
            if done is not None:
                logger.info("pack changed", extra={"pack": engine.pack.name, "faces": done.faces})
                return done


def _own(lock: LibraryLock | None) -> LibraryLock:
    if lock is None:
        raise ConflictError("Another process is changing the pack of this library. Wait until it has ended.")
    return lock


def _begin(context: Context, pack: Pack, tell: Callable[[Progress], None]) -> Progress:
    with context.database.write() as session:
        _refuse_while_busy(session, "Nothing was done.")
        done = stage_rows.begin(session, pack.name, pack.space, pack.dimension)
        done += stage_rows.keep_known(session, pack.space)
        total = face_rows.count(session)
    progress = Progress(done=done, total=total, tell=tell)
    progress.begin("measuring")
    return progress


def _refuse_while_busy(session: Session, state: str) -> None:
    # those of dead processes wait to be taken up again; they will find the new pack
    busy = [job for job in stage_rows.busy_video_jobs(session) if is_owner_alive(job.lease_owner or "")]
    if busy:
        videos = "1 video is" if len(busy) == 1 else f"{len(busy)} videos are"
        raise ConflictError(
            f"{videos} being processed with the old pack. {state} Wait until that has ended, or cancel it, and run this again."
        )


def _foresee(context: Context, pack: Pack, progress: Progress, watch: Stopwatch) -> MigrationReport:
    progress.begin("grouping")
    with context.database.session() as session:
        plan = make_plan(context, session, staged_tracks(session, track_settings(context.settings, pack)), pack)
        return _report(session, plan, pack, stage_rows.counts(session), stage_rows.gone(session), watch)


def _change(
    context: Context, pack: Pack, lock: LibraryLock, progress: Progress, watch: Stopwatch
) -> MigrationReport | None:
    """Changes everything in one transaction; ``None`` where faces came that are not measured yet."""
    progress.begin("changing")
    with waited_for(context, GROUPING_LOCK) as grouping:
        with context.database.session() as session:
            plan = make_plan(context, session, staged_tracks(session, track_settings(context.settings, pack)), pack)
            report = _report(session, plan, pack, stage_rows.counts(session), stage_rows.gone(session), watch)
        grouping.check()
        with context.database.write() as session:
            lock.fence(session)
            grouping.fence(session)
            if not _swap(session, pack, plan):
                progress.total = face_rows.count(session)
                progress.begin("measuring")
                return None
            after = state_of(session, pack.name)
    return MigrationReport(**{**vars(report), "after": after, "applied": True})


def _swap(session: Session, pack: Pack, plan: Plan) -> bool:
    present = _hold_pin(session, pack)
    serialize_findings(session)
    _refuse_while_busy(session, "All faces are measured and kept, and nothing is changed yet.")
    if stage_rows.unstaged_count(session):
        return False
    stage_rows.swap(session, present, pack.name, pack.space, pack.dimension, plan.tracks)
    apply_decision(session, plan.state, plan.decision, "pack", f"Changed the pack to {pack.name}")
    questions.replace_open(session, [])  # how alike two are is another matter now; answers stay
    return True


def _hold_pin(session: Session, pack: Pack) -> EmbeddingSpace:
    """Waits for those who store vectors, and keeps the next ones off until the commit."""
    present = space_rows.hold(session, alone=True)
    if present is None or not stage_rows.is_for(session, pack.space, pack.dimension):
        raise ConflictError("The library was changed by another process meanwhile. Nothing was done; run this again.")
    return present


def _report(
    session: Session, plan: Plan, pack: Pack, sources: dict[str, int], gone: list[int], watch: Stopwatch
) -> MigrationReport:
    present = space_rows.pinned(session)
    return MigrationReport(
        before=state_of(session, present.pack if present else pack.name),
        after=state_after(session, plan, pack.name),
        faces=face_rows.count(session),
        tracks=track_rows.count(session),
        sources=sources,
        gone=tuple(stage_rows.describe(session, gone)),
        changed_tracks=plan.changed_tracks,
        new_people=plan.decision.new_people,
        measured=watch.faces,
        seconds=watch.seconds,
    )
