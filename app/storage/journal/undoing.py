"""Takes an event back and leaves alone what newer ones did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from app.domain import RunState
from app.models import Base, ClusteringRun, Face, LinkRule, Person, PersonEvent, Track, utc_now
from app.storage import people as people_rows
from app.storage.journal.changes import KINDS, Changes, current, parse, parsed, partners, plain, whole
from app.storage.journal.writing import Journal
from app.storage.rows import batches, run

# What an event does not own: a person's date of change, and their number of changes, which only grows.
_PASSING = frozenset({"updated_at", "revision"})
# Where a field points to.
_TARGETS: dict[str, type[Base]] = {"person_id": Person, "cover_face_id": Face, "track_id": Track}


@dataclass(frozen=True)
class Undone:
    """What became of taking an event back.

    Attributes:
        event: The event that did it, or ``None`` where nothing was left to take back.
        restored: Fields and rows that are again as they were before.
        kept: Fields and rows that newer changes have touched since; they stay as they are.
        people: Whom it touched.
    """

    event: PersonEvent | None
    restored: int
    kept: int
    people: frozenset[int] = frozenset()


def undo(session: Session, event: PersonEvent) -> Undone:
    """Takes an event back; what newer events have changed since stays. An undoing is an event, and can be undone too.

    Args:
        session: A writing session.
        event: The event; it must not be undone already.
    """
    changes = Changes.unpack(event.changes)
    key, first = event.id, event.undo_of
    journal = Journal(session, "undo", f"Undid: {event.summary}", undo_of=key)
    done = (_bring_back(journal, changes), _set_back(journal, changes), _take_away(journal, changes))
    run(session, update(PersonEvent).where(PersonEvent.id == key).values(undone_at=utc_now()))
    _tell_run(session, key, RunState.UNDONE)
    if first is not None:
        run(session, update(PersonEvent).where(PersonEvent.id == first).values(undone_at=None))
        _tell_run(session, first, RunState.APPLIED)
    journal.follow()
    for person in people_rows.emptied(session, journal.people):
        journal.remove(person)
    people = journal.people
    closed = journal.close()
    session.expire_all()
    return Undone(closed, sum(good for good, _ in done), sum(bad for _, bad in done), people)


def _tell_run(session: Session, event_id: int, state: RunState) -> None:
    """The grouping whose event it is, if it is one."""
    run(session, update(ClusteringRun).where(ClusteringRun.event_id == event_id).values(state=state))


def _bring_back(journal: Journal, changes: Changes) -> tuple[int, int]:
    """Rows that the event deleted, where nobody else has made them and what they point at is there."""
    restored = kept = 0
    for table, model in KINDS.items():
        for values in changes.removed.get(table, []):
            row = model(**parsed(model, values))
            if journal.session.get(model, values["id"]) is None and _stands(journal.session, row):
                journal.add(row)  # type: ignore[arg-type]
                restored += 1
            else:
                kept += 1
    return restored, kept


def _set_back(journal: Journal, changes: Changes) -> tuple[int, int]:
    """Fields that still hold what the event had put there."""
    restored = kept = 0
    for table, names in _with_parts(journal.session, changes).items():
        untouched = _untouched(journal.session, table, names)
        for name, entries in names.items():
            mine = [(key, before) for key, before, after in entries if before != after]
            wanted = {key: before for key, before in mine if key in untouched[name]}
            if name in _TARGETS:
                wanted = _only_present(journal.session, _TARGETS[name], wanted)
            model = KINDS[table]
            restored += journal.set_many(model, name, {key: parse(model, name, to) for key, to in wanted.items()})
            kept += len(mine) - len(wanted)
    return restored, kept


def _with_parts(session: Session, changes: Changes) -> dict[str, dict[str, list[list[Any]]]]:
    """The changed fields, also of tracks that were cut since out of those that the event changed."""
    names = changes.fields.get("track", {})
    parts = _parts(session, {key for entries in names.values() for key, _, _ in entries}, changes.newest_track)
    if not parts:
        return changes.fields
    grown = {
        name: [*entries, *([part, before, after] for key, before, after in entries for part in parts.get(key, ()))]
        for name, entries in names.items()
    }
    return {**changes.fields, "track": grown}


def _parts(session: Session, tracks: set[int], newest: int | None) -> dict[int, list[int]]:
    """By track: what was cut out of it, and out of that again, after the track ``newest`` was made."""
    found: dict[int, list[int]] = defaultdict(list)
    whole_of = {track: track for track in tracks}
    wave = sorted(tracks) if newest is not None else []
    while wave:
        cuts: dict[int, int] = {}
        for part in batches(wave):
            query = select(Track.id, Track.cut_from).where(Track.cut_from.in_(part), Track.id > newest)
            cuts.update({track: source for track, source in session.execute(query) if source is not None})
        for track, source in cuts.items():
            whole_of[track] = whole_of[source]
            found[whole_of[track]].append(track)
        wave = sorted(cuts)
    return found


def _untouched(session: Session, table: str, names: Mapping[str, list[list[Any]]]) -> dict[str, set[int]]:
    """By field: rows that hold, in it and in its partners, what the event left there."""
    now: dict[str, dict[int, Any]] = {}
    after = {name: {key: value for key, _, value in entries} for name, entries in names.items()}

    def holds(name: str, key: int) -> bool:
        expected = after[name][key] if key in after.get(name, {}) else False  # see Journal: switches that were off
        return key in now[name] and bool(plain(now[name][key]) == expected)

    found: dict[str, set[int]] = {}
    for name in names:
        group = {name, *(other for other in partners(table, name) if other in names or _is_switch(table, other))}
        for one in group - set(now):
            keys = {key for other in group for key in after.get(other, {})}
            now[one] = dict(current(session, KINDS[table], one, sorted(keys)))
        found[name] = {
            key
            for key in after[name]
            if all(holds(one, key) for one in group if key in after.get(one, {}) or _is_switch(table, one))
        }
    return found


def _is_switch(table: str, name: str) -> bool:
    return KINDS[table].__table__.c[name].type.python_type is bool


def _take_away(journal: Journal, changes: Changes) -> tuple[int, int]:
    """Rows that the event made, where they are as it made them; people and tracks only where they are empty."""
    restored = kept = 0
    for table in reversed(KINDS):
        model = KINDS[table]
        for values in changes.added.get(table, []):
            row = journal.session.get(model, values["id"], populate_existing=True)
            if row is None:
                continue
            if _same(row, values) and not _holds_anything(journal.session, row):
                journal.remove(row)  # type: ignore[arg-type]
                restored += 1
            else:
                kept += 1
    return restored, kept


def _same(row: Base, values: Mapping[str, Any]) -> bool:
    passing = _PASSING | {"cover_face_id"} if not values.get("cover_chosen") else _PASSING
    now = whole(row)
    return all(now[name] == value for name, value in values.items() if name not in passing)


def _holds_anything(session: Session, row: Base) -> bool:
    if isinstance(row, Person):
        return bool(session.scalar(select(exists().where(Track.person_id == row.id))))
    if isinstance(row, Track):
        return bool(session.scalar(select(exists().where(Face.track_id == row.id))))
    return False


def _stands(session: Session, row: Base) -> bool:
    """Whether everything that a row points at is there."""
    if isinstance(row, Track):
        # with its faces its video is gone too
        return bool(session.scalar(select(func.count(Face.id)).where(Face.id == row.best_face_id)))
    if not isinstance(row, LinkRule):
        return True
    ends = ((Track, row.track_id), (Track, row.other_track_id), (Person, row.person_id), (Person, row.other_person_id))
    return all(key is None or session.get(model, key) is not None for model, key in ends)


def _only_present(session: Session, model: type[Base], wanted: Mapping[int, Any]) -> dict[int, Any]:
    keys = [value for value in set(wanted.values()) if value is not None]
    present: set[Any] = {None}
    for part in batches(keys):
        present.update(session.scalars(select(model.id).where(model.id.in_(part))))  # type: ignore[attr-defined]
    return {key: value for key, value in wanted.items() if value in present}
