"""Tells what a grouping would change, person by person, with faces to look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clustering.known import NEW, NOBODY
from app.models import LinkRule, Person, Track
from app.services.grouping.decide import Decision
from app.services.grouping.plan import Plan
from app.storage.rows import batches

LISTED = 50
SHOWN = 6


@dataclass
class _Flow:
    """Tracks that go from one to another."""

    before: int
    after: int
    faces: int = 0
    tracks: list[tuple[int, int]] = field(default_factory=list)  # faces, track


def describe(session: Session, plan: Plan, faces: Mapping[int, int]) -> dict[str, Any]:
    """What a plan does, for people: who merges, splits, gains, loses and appears.

    Of two people the one merges into the other where at least half of their faces go there.

    Args:
        session: A session.
        plan: The plan.
        faces: How many faces everybody has now.

    Returns:
        As JSON: counts, and of each kind the largest :data:`LISTED` with some tracks and their best faces.
    """
    flows = _flows(plan)
    kinds: dict[str, list[_Flow]] = {"merges": [], "splits": [], "gains": [], "losses": [], "appearances": []}
    for flow in flows:
        for kind in _kinds(flow, faces):
            kinds[kind].append(flow)
    chosen = {
        kind: sorted(found, key=lambda flow: (-flow.faces, flow.before, flow.after)) for kind, found in kinds.items()
    }
    shown = [flow for found in chosen.values() for flow in found[:LISTED]]
    people = _people(session, {who for flow in shown for who in (flow.before, flow.after) if who >= 0})
    best = _best_faces(session, [track for flow in shown for track in _samples(flow)])
    told: dict[str, Any] = {
        "tracks_changed": len(plan),
        "faces_changed": int(plan.faces.sum()),
        "new_people": len(plan.new_people),
        "counts": {kind: len(found) for kind, found in chosen.items()},
    }
    for kind, found in chosen.items():
        told[kind] = [_entry(flow, people, faces, best) for flow in found[:LISTED]]
    return told


def _flows(plan: Plan) -> list[_Flow]:
    flows: dict[tuple[int, int], _Flow] = {}
    rows = zip(plan.before.tolist(), plan.after.tolist(), plan.faces.tolist(), plan.tracks.tolist(), strict=True)
    for before, after, faces, track in rows:
        flow = flows.setdefault((before, after), _Flow(before, after))
        flow.faces += faces
        flow.tracks.append((faces, track))
    return list(flows.values())


def _kinds(flow: _Flow, faces: Mapping[int, int]) -> Iterable[str]:
    if flow.before == NOBODY:
        return ("appearances",) if flow.after <= NEW else ("gains",)
    if flow.after == NOBODY:
        return ("losses",)
    if flow.after <= NEW:
        return ("splits",)
    return ("merges",) if 2 * flow.faces >= faces.get(flow.before, 0) else ("gains", "losses")


def _samples(flow: _Flow) -> list[int]:
    return [track for _, track in sorted(flow.tracks, key=lambda one: (-one[0], one[1]))[:SHOWN]]


def _entry(
    flow: _Flow, people: Mapping[int, str | None], faces: Mapping[int, int], best: Mapping[int, int]
) -> dict[str, Any]:
    tracks = _samples(flow)
    return {
        "from": _person(flow.before, people, faces),
        "to": _person(flow.after, people, faces),
        "faces": flow.faces,
        "tracks": len(flow.tracks),
        "track_ids": tracks,
        "face_ids": [best[track] for track in tracks if track in best],
    }


def _person(person: int, people: Mapping[int, str | None], faces: Mapping[int, int]) -> dict[str, Any] | None:
    if person == NOBODY:
        return None
    if person <= NEW:
        return {"person_id": None, "name": None, "faces": 0, "new": NEW - person + 1}
    return {"person_id": person, "name": people.get(person), "faces": faces.get(person, 0), "new": None}


def _people(session: Session, ids: set[int]) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    for part in batches(sorted(ids)):
        found.update(
            (who, name) for who, name in session.execute(select(Person.id, Person.name).where(Person.id.in_(part)))
        )
    return found


def _best_faces(session: Session, tracks: Sequence[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for part in batches(sorted(set(tracks))):
        rows = session.execute(select(Track.id, Track.best_face_id).where(Track.id.in_(part)))
        found.update((track, face) for track, face in rows if face is not None)
    return found


def contradictions(session: Session, decision: Decision) -> list[dict[str, Any]]:
    """Rules of users that cannot hold beside others, for people to take one of them back."""
    told: list[dict[str, Any]] = []
    for part in batches(decision.broken_rules):
        for rule in session.scalars(select(LinkRule).where(LinkRule.id.in_(part)).order_by(LinkRule.id)):
            ends = [rule.track_id, rule.other_track_id]
            words = "“Same person” was said of two tracks that cannot be one person."
            told.append({"rule_id": rule.id, "track_ids": ends, "person_id": None, "message": words})
    for part in batches(decision.broken_tracks):
        rows = session.execute(select(Track.id, Track.person_id).where(Track.id.in_(part)).order_by(Track.id))
        for track, person in rows:
            words = "A track was confirmed as a person with whom it shares a frame, or whom it is said not to be."
            told.append({"rule_id": None, "track_ids": [track], "person_id": person, "message": words})
    return told


def sentence(told: Mapping[str, Any]) -> str:
    """One line about a plan, such as ``2 people join others, 1 splits, 3 are new; 14 tracks change hands``."""
    counts: dict[str, int] = defaultdict(int, told.get("counts", {}))
    parts = []
    if counts["merges"]:
        parts.append(f"{_number(counts['merges'], 'person joins another', 'people join others')}")
    if counts["splits"]:
        parts.append(f"{_number(counts['splits'], 'new person splits off', 'new people split off')}")
    if counts["appearances"]:
        parts.append(f"{_number(counts['appearances'], 'appears', 'appear')}")
    tracks = int(told.get("tracks_changed", 0))
    if not tracks:
        return "Nothing changes hands"
    moved = _number(tracks, "track changes hands", "tracks change hands")
    return f"{', '.join(parts)}; {moved}" if parts else moved


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
