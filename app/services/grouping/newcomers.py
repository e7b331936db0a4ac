"""Puts the tracks of a video where they belong as soon as they are linked, without a grouping of the library."""

from __future__ import annotations

import logging
import time
from typing import Protocol

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clustering.known import NOBODY
from app.models import Person, Track, Video
from app.services.context import Context
from app.services.grouping.decide import decide
from app.services.grouping.plan import Plan, changed_shares
from app.services.grouping.scene import BLOCK, Scene, look_around
from app.storage import people as people_rows
from app.storage import tracks as track_rows
from app.storage.journal import Journal
from app.storage.rows import serialize_findings

logger = logging.getLogger(__name__)

TRIES = 4


class Owner(Protocol):
    """Who places: an attempt at a job, or whoever tidies up after one."""

    def check(self) -> None:
        """Raises where the work must stop."""

    def fence(self, session: Session) -> None:
        """Raises, within a writing transaction, where the job is somebody else's."""


def place_newcomers(context: Context, run: Owner, video_id: int) -> int:
    """Lets the tracks of a video that are nobody's join people, found people, or wait.

    People near them of whom no user said anything are grouped anew with them; a kept person gains tracks here and loses
    none. What would change a named person by more than the share that waits for a look is left to the next grouping of
    the library. New tracks that join are no event, for they were nobody's; what moves besides is one.

    Args:
        context: The context.
        run: Owns the job; its fence is in the transaction that writes.
        video_id: The video, whose tracks are linked.

    Returns:
        How many tracks joined or founded somebody.

    Raises:
        JobLostError: The job is somebody else's.
    """
    started = time.perf_counter()
    for left in reversed(range(TRIES)):
        run.check()
        found = _decide(context, video_id)
        if found is None:
            return 0
        scene, plan = found
        with context.database.write() as session:
            run.fence(session)
            serialize_findings(session)
            if left and _is_old(session, scene, plan):
                continue
            placed = _write(session, _up_to_date(session, plan), video_id)
        seconds = round(time.perf_counter() - started, 3)
        logger.info("tracks placed", extra={"video_id": video_id, "tracks": placed, "seconds": seconds})
        return placed
    return 0


def _decide(context: Context, video_id: int) -> tuple[Scene, Plan] | None:
    """Where the new tracks go; nobody near is taken apart where that would change a named person much."""
    for fixed in (False, True):
        with context.database.session() as session:
            scene = look_around(context, session, video_id, fixed=fixed)
        if scene is None:
            return None
        decision = decide(
            context.settings, scene.pack, scene.nodes, scene.house, scene.vectors, population=scene.population
        )
        plan = Plan.of(scene.nodes, decision)
        plan = plan.where(plan.tracks < BLOCK)
        shares = changed_shares(plan, scene.house.named_ids, scene.faces)
        if fixed or max(shares.values(), default=0.0) <= context.settings.clustering_preview_share:
            return scene, plan
    return None


def _is_old(session: Session, scene: Scene, plan: Plan) -> bool:
    """Whether somebody was founded, or a track of the plan changed hands, since it was made."""
    newest = session.scalar(select(func.max(Person.id))) or 0
    return newest != scene.newest or len(_up_to_date(session, plan)) < len(plan)


def _up_to_date(session: Session, plan: Plan) -> Plan:
    """The parts of a plan of which nothing changed hands since it was made."""
    now = track_rows.owners(session, plan.tracks.tolist())
    here = set(people_rows.present(session, plan.people.tolist()))
    gone = ~np.isin(plan.after, np.fromiter(here, np.int64, len(here))) & (plan.after >= 0)
    moved = np.array(
        [now.get(track) != before for track, before in zip(plan.tracks.tolist(), plan.before.tolist(), strict=True)],
        np.bool_,
    )
    return plan.without(gone | moved)


def _write(session: Session, plan: Plan, video_id: int) -> int:
    """Writes a plan; what changes hands, unlike what is new, can be undone."""
    if not len(plan):
        return 0
    fresh = plan.before == NOBODY
    title = session.scalar(select(Video.title).where(Video.id == video_id)) or "a video"
    journal = Journal(session, "grouping", f"Put people in order after “{title}” came in")
    rows = {int(new): Person() for new in plan.new_people}
    if fresh.all():
        session.add_all(rows.values())
        session.flush()
    else:
        journal.add_people(list(rows.values()))
    touched = {*plan.people.tolist(), *(row.id for row in rows.values())}
    owners: dict[int, int | None] = {int(who): int(who) for who in plan.people}
    owners |= {NOBODY: None, **{new: row.id for new, row in rows.items()}}
    after = {track: owners[who] for track, who in zip(plan.tracks.tolist(), plan.after.tolist(), strict=True)}
    track_rows.give(session, {track: who for track in plan.tracks[fresh].tolist() if (who := after[track]) is not None})
    if not fresh.all():
        journal.set_many(Track, "person_id", {track: after[track] for track in plan.tracks[~fresh].tolist()})
        for person in _left_empty(session, plan):
            journal.remove(person)
    journal.close()
    people_rows.choose_covers(session, touched)
    return int(fresh.sum())


def _left_empty(session: Session, plan: Plan) -> list[Person]:
    """People of the plan of whom nothing is left; kept people lose nothing here."""
    return people_rows.emptied(session, plan.before[plan.before != NOBODY].tolist())


def newest_person(context: Context) -> int:
    """The person who came last, 0 before the first one."""
    with context.database.session() as session:
        return session.scalar(select(func.max(Person.id))) or 0


def people_since(context: Context, newest: int) -> int:
    """How many people came after a certain one and are still there."""
    with context.database.session() as session:
        return session.scalar(select(func.count()).select_from(Person).where(Person.id > newest)) or 0
