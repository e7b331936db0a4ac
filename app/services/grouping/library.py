"""Groups the tracks of the whole library into people: decides, shows what would change, applies it or lets it wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.config import Settings
from app.domain import RunState
from app.errors import AppError, JobCancelledError, JobLostError, JobPausedError, WorkerStoppingError
from app.models import ClusteringRun
from app.services.context import Context
from app.services.graph_shards import graph_builder
from app.services.grouping.apply import Applied, apply_plan
from app.services.grouping.decide import Decision
from app.services.grouping.describe import contradictions, describe, sentence
from app.services.grouping.plan import Plan
from app.services.grouping.state import LibraryState, read_state
from app.services.grouping.waiting import reason_to_wait, refused_changes
from app.services.job_run import JobRun
from app.services.library_lock import waited_for
from app.storage import clustering_runs as run_rows
from app.storage import people as people_rows

logger = logging.getLogger(__name__)

GROUPING_LOCK = "grouping"
NOT_OUR_FAULT = (JobLostError, JobCancelledError, JobPausedError, WorkerStoppingError)


@dataclass(frozen=True)
class ClusterSummary:
    """What a grouping of the library came to.

    Attributes:
        tracks: Tracks that were grouped.
        people: People that the library has now.
        new_people: How many of them are new.
        changed: Tracks that belong to another person than before.
        run_id: The grouping in the list of groupings.
        waiting: Why it waits for a look and has changed nothing yet; ``None`` where it does not.
        contradictions: How many of the users' rules cannot hold.
    """

    tracks: int
    people: int
    new_people: int
    changed: int
    run_id: int | None = None
    waiting: str | None = None
    contradictions: int = 0


def cluster_library(context: Context, run: JobRun | None = None, *, preview: bool = False) -> ClusterSummary:
    """Groups all tracks anew; people keep their ids and names. One grouping at a time in the whole library.

    What it decides depends on the tracks and on what users said, not on the order in which videos came in. Where
    nobody with a name would change much it is applied at once, else it waits for a look
    (``CLUSTERING_PREVIEW_SHARE``).

    Args:
        context: The context.
        run: The attempt that owns the job, where it is one.
        preview: Let it wait for a look in any case, and propose again what users refused.

    Returns:
        What the library consists of now.

    Raises:
        JobLostError: The lock or the job was taken over by another process.
    """
    started = time.perf_counter()
    job_id = run.job_id if run is not None else None
    with waited_for(context, GROUPING_LOCK, run) as lock, _failures_noted(context, job_id):
        with context.database.session() as session:
            state = read_state(context.settings, session)
        decision = state.decide(context.settings, graph_builder(context))
        with context.database.session() as session:
            proposal = _propose(context.settings, session, state, decision, preview=preview)
        lock.check()
        with context.database.write() as session:
            lock.fence(session)
            if run is not None:
                run.fence(session)
            summary = _file(session, state, proposal, job_id)
    seconds = round(time.perf_counter() - started, 3)
    logger.info("library grouped", extra={"tracks": summary.tracks, "people": summary.people, "seconds": seconds})
    return summary


@dataclass(frozen=True)
class _Proposal:
    """A plan, and what is to be told of it.

    Attributes:
        plan: The plan.
        waits: Why it waits for a look, ``None`` where it does not.
        params: How it was made.
        told: What it does.
    """

    plan: Plan
    waits: str | None
    params: dict[str, Any]
    told: dict[str, Any]


def _propose(
    settings: Settings, session: Session, state: LibraryState, decision: Decision, *, preview: bool
) -> _Proposal:
    plan, faces = state.plan(decision), state.faces
    left = plan if preview else plan.without(refused_changes(plan, state.refused))
    names = people_rows.named(session)
    waits = reason_to_wait(left, state.house, faces, names, settings.clustering_preview_share)
    if preview and waits is None and len(left):
        waits = "A preview was asked for."
    told = describe(session, left, faces)
    told["refused"] = len(plan) - len(left)
    told["contradictions"] = contradictions(session, decision)
    told["joined"] = [{"person_id": goes, "into": stays} for goes, stays in decision.joined]
    return _Proposal(left, waits, state.params(settings), told)


def _file(session: Session, state: LibraryState, proposal: _Proposal, job_id: str | None) -> ClusterSummary:
    """Applies a plan, or lets it wait."""
    told, tracks = proposal.told, len(state.nodes) if state.nodes is not None else 0
    applied = Applied(None, 0, 0, 0)
    if proposal.waits is not None:
        row = _let_wait(session, proposal, job_id)
    else:
        run_rows.supersede(session)
        words = f"Grouped the library: {sentence(told)}"
        applied = apply_plan(session, proposal.plan, state.house.together, state.since, "grouping", words)
        told |= {"applied": applied.changed, "left_out": applied.left_out}
        plan = proposal.plan.pack() if applied.event_id is not None else None
        run_rows.forget_quiet(session)
        values = {"job_id": job_id, "params": proposal.params, "summary": told, "plan": plan}
        row = run_rows.add(session, RunState.APPLIED, event_id=applied.event_id, **values)
    people = people_rows.count(session)
    wrong = len(told["contradictions"])
    return ClusterSummary(tracks, people, applied.new_people, applied.changed, row.id, proposal.waits, wrong)


def _let_wait(session: Session, proposal: _Proposal, job_id: str | None) -> ClusteringRun:
    """Files a preview; one that waits already and says the same goes on waiting, for somebody may be looking at it."""
    data = proposal.plan.pack()
    told = {**proposal.told, "waits_because": proposal.waits}
    row = run_rows.waiting(session)
    if row is not None and Plan.unpack(row.plan).same_as(proposal.plan):
        row.job_id, row.params, row.summary = job_id or row.job_id, proposal.params, told
        session.flush()
        return row
    run_rows.supersede(session)
    return run_rows.add(session, RunState.PREVIEW, job_id=job_id, params=proposal.params, summary=told, plan=data)


def apply_decision(session: Session, state: LibraryState, decision: Decision, kind: str, summary: str) -> Applied:
    """Writes a decision at once, with whatever it changes: for those who have shown it already.

    Args:
        session: A writing session that is fenced by the grouping's lock.
        state: What was decided about, read in this transaction or under a lock that kept it.
        decision: The decision.
        kind: Of the event.
        summary: Of the event.
    """
    run_rows.supersede(session)
    return apply_plan(session, state.plan(decision), state.house.together, state.since, kind, summary)


@contextmanager
def _failures_noted(context: Context, job_id: str | None) -> Iterator[None]:
    """Remembers a grouping that failed, with the reason."""
    try:
        yield
    except NOT_OUR_FAULT:
        raise
    except AppError as error:
        with context.database.write() as session:
            run_rows.add(session, RunState.FAILED, job_id=job_id, error=error.message)
        raise
