"""Groupings of the library as users see them: a list, what each would do or did, and apply, discard, undo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import RunState
from app.errors import ConflictError, NotFoundError
from app.models import ClusteringRun, Face, PersonEvent
from app.services.context import Context
from app.services.grouping.apply import apply_plan
from app.services.grouping.describe import sentence
from app.services.grouping.plan import Plan
from app.storage import clustering_runs as run_rows
from app.storage import people as people_rows
from app.storage import tracks as track_rows
from app.storage.journal import undo
from app.storage.rows import batches, serialize_findings

KINDS = ("merges", "splits", "gains", "losses", "appearances")


@dataclass(frozen=True)
class RunView:
    """One grouping.

    Attributes:
        id: Its number.
        state: What became of it.
        job_id: The job that made it, where it was one.
        sentence: What it does or did, in one line.
        params: Algorithm, threshold, pack.
        summary: See :func:`app.services.grouping.describe.describe`; also ``waits_because``, ``contradictions``,
            ``applied`` and ``left_out`` (tracks), ``refused`` (tracks that users refused before).
        error: Why it failed.
        event_id: The event that applied it, in the history.
        created_at: When it was planned.
        ended_at: When it was applied, discarded or failed.
        crops: Keys of the pictures of the faces that the summary names.
    """

    id: int
    state: RunState
    job_id: str | None
    sentence: str
    params: Mapping[str, Any]
    summary: Mapping[str, Any]
    error: str | None
    event_id: int | None
    created_at: datetime
    ended_at: datetime | None
    crops: Mapping[int, str] = field(default_factory=dict)

    @property
    def waits_because(self) -> str | None:
        """Why it waits for a look, where it does."""
        return self.summary.get("waits_because") if self.state is RunState.PREVIEW else None

    @property
    def left_out(self) -> int:
        """Tracks that were left as they are, for somebody changed them, or people of theirs, after it was planned."""
        return int(self.summary.get("left_out", 0))


@dataclass(frozen=True)
class RunList:
    """One page of groupings, newest first."""

    runs: list[RunView]
    total: int
    page: int
    pages: int


def list_runs(context: Context, page: int = 1, size: int = 50) -> RunList:
    """Groupings, newest first."""
    with context.database.session() as session:
        total = run_rows.count(session)
        rows = run_rows.newest(session, limit=size, offset=(page - 1) * size)
        views = [_view(row) for row in rows]
    return RunList(views, total, page, max(1, -(-total // size)))


def get_run(context: Context, run_id: int) -> RunView:
    """One grouping, with pictures of the faces that it names.

    Raises:
        NotFoundError: There is none of this number.
    """
    with context.database.session() as session:
        row = _found(session, run_id)
        return _view(row, _crops(session, row.summary))


def waiting_run(context: Context) -> RunView | None:
    """The grouping that waits for a look, if one does."""
    with context.database.session() as session:
        row = run_rows.waiting(session)
        return _view(row) if row is not None else None


def apply_run(context: Context, run_id: int) -> RunView:
    """Carries out a grouping that waits; what was edited since is left as it is, and told.

    Raises:
        NotFoundError: There is none of this number.
        ConflictError: It does not wait.
    """
    with context.database.session() as session:
        row = _found(session, run_id)
        plan, since, summary = Plan.unpack(row.plan), int(row.params.get("since", 0)), dict(row.summary)
        together = track_rows.seen_together(session, among=plan.tracks.tolist())
    with context.database.write() as session:
        serialize_findings(session)
        _end(session, run_id, RunState.APPLIED)
        words = f"Grouped the library: {sentence(summary)}"
        applied = apply_plan(session, plan, together, since, "grouping", words)
        row = _found(session, run_id)
        row.event_id = applied.event_id
        row.summary = {**row.summary, "applied": applied.changed, "left_out": applied.left_out}
    return get_run(context, run_id)


def discard_run(context: Context, run_id: int) -> RunView:
    """Refuses a grouping that waits: nothing changes, and the same is not proposed again by itself.

    Raises:
        NotFoundError: There is none of this number.
        ConflictError: It does not wait.
    """
    with context.database.write() as session:
        _found(session, run_id)
        _end(session, run_id, RunState.DISCARDED)
    return get_run(context, run_id)


def undo_run(context: Context, run_id: int) -> RunView:
    """Takes a grouping back that was applied, also days later; newer edits stay.

    Raises:
        NotFoundError: There is none of this number.
        ConflictError: It was not applied, or was taken back already.
    """
    with context.database.write() as session:
        serialize_findings(session)
        row = _found(session, run_id)
        event = session.get(PersonEvent, row.event_id) if row.event_id is not None else None
        if row.state is RunState.APPLIED and event is None:
            raise ConflictError("This grouping changed nothing: there is nothing to undo.")
        if row.state is not RunState.APPLIED or event is None or event.undone_at is not None:
            raise ConflictError(f"This grouping is {row.state.value}; only one that is applied can be undone.")
        undone = undo(session, event)
        row = _found(session, run_id)
        row.summary = {**row.summary, "restored": undone.restored, "kept": undone.kept}
        row.state = RunState.UNDONE
        people_rows.choose_covers(session, undone.people)
    return get_run(context, run_id)


def _end(session: Session, run_id: int, state: RunState) -> None:
    if not run_rows.end(session, run_id, state):
        row = _found(session, run_id)
        raise ConflictError(f"This grouping is {row.state.value}; only one that waits for a look can be decided about.")


def _found(session: Session, run_id: int) -> ClusteringRun:
    row = run_rows.get(session, run_id)
    if row is None:
        raise NotFoundError("There is no such grouping.")
    return row


def _view(row: ClusteringRun, crops: Mapping[int, str] | None = None) -> RunView:
    told = row.error or f"{sentence(row.summary)}."
    return RunView(
        id=row.id,
        state=row.state,
        job_id=row.job_id,
        sentence=told,
        params={name: value for name, value in row.params.items() if name != "since"},
        summary=row.summary,
        error=row.error,
        event_id=row.event_id,
        created_at=row.created_at,
        ended_at=row.ended_at,
        crops=crops or {},
    )


def _crops(session: Session, summary: Mapping[str, Any]) -> dict[int, str]:
    ids = {face for kind in KINDS for entry in summary.get(kind, []) for face in entry["face_ids"]}
    found: dict[int, str] = {}
    for part in batches(sorted(ids)):
        found.update(
            (face, key) for face, key in session.execute(select(Face.id, Face.crop_key).where(Face.id.in_(part)))
        )
    return found
