"""Carries out what a grouping decided, and leaves alone what users have touched since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from app.clustering.known import NOBODY
from app.domain import IntArray
from app.models import LinkRule, Person, PersonEvent, Track
from app.services.grouping.plan import BoolArray, Plan
from app.storage import clustering_runs as run_rows
from app.storage import people as people_rows
from app.storage import tracks as track_rows
from app.storage.journal import Changes, Journal
from app.storage.rows import serialize_findings
from app.storage.rules import IS_KEPT


@dataclass(frozen=True)
class Applied:
    """What became of a plan.

    Attributes:
        event_id: What to undo; ``None`` where nothing changed.
        changed: Tracks that changed hands.
        new_people: How many people are new.
        left_out: Tracks that were left as they are, for they, or people of theirs, were changed since the plan was made.
    """

    event_id: int | None
    changed: int
    new_people: int
    left_out: int


def apply_plan(session: Session, plan: Plan, together: IntArray, since: int, kind: str, summary: str) -> Applied:
    """Writes a plan as one event, and removes people of whom nothing is left and nobody said anything.

    Args:
        session: A writing session, fenced by whoever decides.
        plan: The plan.
        together: ``int64`` (m, 2) tracks that share a frame, at least where one of them is in the plan.
        since: The last event that the plan knows of.
        kind: Of the event.
        summary: Of the event.
    """
    serialize_findings(session)
    valid = still_valid(session, plan, together, since)
    journal = Journal(session, kind, summary)
    people = {int(new): Person() for new in valid.new_people}
    journal.add_people(list(people.values()))
    owners = {**{int(who): int(who) for who in valid.people}, **{new: row.id for new, row in people.items()}}
    after = [None if who == NOBODY else owners[who] for who in valid.after.tolist()]
    journal.set_many(Track, "person_id", dict(zip(valid.tracks.tolist(), after, strict=True)))
    journal.remove_people(_nobody_needs(session))
    event = journal.close()
    event_id = event.id if event is not None else None
    people_rows.choose_covers(session)
    return Applied(event_id, len(valid), len(people), len(plan) - len(valid))


def still_valid(session: Session, plan: Plan, together: IntArray, since: int) -> Plan:
    """The parts of a plan that nothing has happened to since it was made."""
    tracks = _touched_tracks(run_rows.events_since(session, since))
    bad = plan.touching(tracks, run_rows.people_since(session, since))
    now = track_rows.owners(session, plan.tracks.tolist())
    bad |= np.array([now.get(track) for track in plan.tracks.tolist()], dtype=object) != plan.before
    here = set(people_rows.present(session, plan.people.tolist()))
    bad |= (plan.after >= 0) & ~np.isin(plan.after, np.fromiter(here, np.int64, len(here)))
    plan = plan.without(bad)
    return plan.without(_breaking(session, plan, together))


def _breaking(session: Session, plan: Plan, together: IntArray) -> BoolArray:
    """Changes that would give two tracks of one frame to one person, for one of them came after the plan was made."""
    pairs = together[np.isin(together, plan.tracks).any(axis=1)]
    others = np.setdiff1d(pairs, plan.tracks)
    then = {
        **track_rows.owners(session, others.tolist()),
        **dict(zip(plan.tracks.tolist(), plan.after.tolist(), strict=True)),
    }
    bad = [
        track
        for one, other in pairs.tolist()
        if then.get(one, NOBODY) == then.get(other, NOBODY) != NOBODY
        for track in (one, other)
    ]
    return np.isin(plan.tracks, np.array(bad, np.int64))


def _touched_tracks(events: Iterable[PersonEvent]) -> set[int]:
    """Tracks that events changed, or made rules about."""
    found: set[int] = set()
    for event in events:
        changes = Changes.unpack(event.changes)
        for entries in changes.fields.get("track", {}).values():
            found.update(key for key, _, _ in entries)
        for rows in (changes.added, changes.removed):
            rules = rows.get("link_rule", [])
            found.update(rule[end] for rule in rules for end in ("track_id", "other_track_id") if rule[end] is not None)
    return found


def _nobody_needs(session: Session) -> list[Person]:
    """People without a track of whom no user said anything, not even in a rule."""
    in_rule = exists().where(or_(LinkRule.person_id == Person.id, LinkRule.other_person_id == Person.id))
    has_track = exists().where(Track.person_id == Person.id)
    return list(session.scalars(select(Person).where(~IS_KEPT, ~has_track, ~in_rule).order_by(Person.id)))
