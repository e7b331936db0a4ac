"""Changes of who is who, remembered as events that can be undone.

Whoever changes people, tracks or rules on a user's or a grouping's behalf does it through a :class:`Journal`. An event
keeps single fields, from what to what, and rows that came or went. So an old event can be undone and newer ones that
touched other fields stay: a field goes back only where it still holds what the event had put there.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from app.models import Base, Face, LinkRule, Person, PersonEvent, PersonEventPerson, Track, UtcDateTime, utc_now
from app.storage.rows import batches, run, serialize_findings

# In the order in which rows can be made. Tracks and faces are never made or deleted by an event.
_KINDS: dict[str, type[Base]] = {"person": Person, "track": Track, "face": Face, "link_rule": LinkRule}
# What an event does not own: a person's date of change, and their number of changes, which only grows.
_PASSING = frozenset({"updated_at", "revision"})


@dataclass
class Changes:
    """What one event did.

    Attributes:
        fields: By table and field: row, value before, value after.
        added: By table: rows that it made, whole.
        removed: By table: rows that it deleted, whole.
    """

    fields: dict[str, dict[str, list[list[Any]]]] = field(default_factory=dict)
    added: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    removed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """True where nothing changed."""
        return not (self.fields or self.added or self.removed)

    def pack(self) -> bytes:
        """As it is stored."""
        return zlib.compress(json.dumps(vars(self), separators=(",", ":")).encode(), 6)

    @classmethod
    def unpack(cls, data: bytes) -> Changes:
        """From what is stored."""
        return cls(**json.loads(zlib.decompress(data)))


class Journal:
    """Changes rows within one writing transaction, and files them as one event at the end.

    Tracks and faces of a person are changed by :meth:`set_many`; call :func:`app.storage.faces.follow_tracks`
    afterwards, for a face's person is derived and no part of an event.
    """

    def __init__(self, session: Session, kind: str, summary: str, *, undo_of: int | None = None) -> None:
        """Begins an event; takes the lock under which who is who is changed.

        Args:
            session: A writing session.
            kind: One word, such as ``rename``.
            summary: A sentence for people, such as ``Named Ada Lovelace``.
            undo_of: The event that this one takes back.
        """
        serialize_findings(session)
        self.session = session
        self.summary = summary
        self._kind, self._undo_of = kind, undo_of
        self._changes = Changes()
        self._people: set[int] = set()

    def about(self, *people: int) -> None:
        """Says whom the event is about, beyond those whose rows it changes."""
        self._people.update(people)

    def set(self, row: Base, **values: Any) -> None:
        """Changes fields of a row that the session has read in this transaction; equal values are no change."""
        for name, value in values.items():
            before, after = _plain(getattr(row, name)), _plain(value)
            if before == after:
                continue
            self._note(row.__tablename__, name, row.id, before, after)  # type: ignore[attr-defined]
            setattr(row, name, value)
        if isinstance(row, Person):
            self.about(row.id)
        self.session.flush()

    def set_many(self, model: type[Base], name: str, values: Mapping[int, Any]) -> int:
        """Changes one field of many rows, in few statements; rows that are gone are passed over.

        Args:
            model: ``Track``, ``Face`` or ``Person``.
            name: The field.
            values: New value by id.

        Returns:
            How many rows changed.
        """
        changed = [
            (key, before, values[key])
            for key, before in _current(self.session, model, name, values)
            if _plain(before) != _plain(values[key])
        ]
        for key, before, after in changed:
            self._note(model.__tablename__, name, key, _plain(before), _plain(after))
            if name == "person_id":
                self._people.update(who for who in (before, after) if who is not None)
        _write_field(self.session, model, name, [(key, after) for key, _, after in changed])
        return len(changed)

    def add(self, row: Person | LinkRule) -> None:
        """Makes a row."""
        self.session.add(row)
        self.session.flush()
        self._changes.added.setdefault(row.__tablename__, []).append(_whole(row))
        if isinstance(row, Person):
            self.about(row.id)

    def remove(self, row: Person | LinkRule) -> None:
        """Deletes a row; with a person go the rules about them, and their tracks are nobody's."""
        if isinstance(row, Person):
            self.about(row.id)
            rules = select(LinkRule).where((LinkRule.person_id == row.id) | (LinkRule.other_person_id == row.id))
            for rule in self.session.scalars(rules).all():
                self.remove(rule)
            tracks = self.session.scalars(select(Track.id).where(Track.person_id == row.id)).all()
            self.set_many(Track, "person_id", dict.fromkeys(tracks))
        self._changes.removed.setdefault(row.__tablename__, []).append(_whole(row))
        self.session.delete(row)
        self.session.flush()

    def close(self) -> PersonEvent | None:
        """Files the event, and counts up the revision of everybody whom it is about.

        Returns:
            The event, or ``None`` where nothing changed.
        """
        if self._changes.empty:
            return None
        event = PersonEvent(kind=self._kind, summary=self.summary, undo_of=self._undo_of, changes=self._changes.pack())
        self.session.add(event)
        self.session.flush()
        for part in batches(sorted(self._people)):
            self.session.add_all([PersonEventPerson(event_id=event.id, person_id=who) for who in part])
            grown = update(Person).where(Person.id.in_(part))
            run(self.session, grown.values(revision=Person.revision + 1, updated_at=utc_now()))
        self.session.flush()
        self.session.expire_all()
        return event

    def _note(self, table: str, name: str, key: int, before: Any, after: Any) -> None:
        self._changes.fields.setdefault(table, {}).setdefault(name, []).append([key, before, after])


@dataclass(frozen=True)
class Undone:
    """What became of taking an event back.

    Attributes:
        event: The event that did it, or ``None`` where nothing was left to take back.
        restored: Fields and rows that are again as they were before.
        kept: Fields and rows that newer changes have touched since; they stay as they are.
    """

    event: PersonEvent | None
    restored: int
    kept: int


def undo(session: Session, event: PersonEvent) -> Undone:
    """Takes an event back; what newer events have changed since stays. An undoing is an event, and can be undone too.

    Args:
        session: A writing session.
        event: The event; it must not be undone already.
    """
    changes = Changes.unpack(event.changes)
    journal = Journal(session, "undo", f"Undid: {event.summary}", undo_of=event.id)
    restored, kept = _bring_back(journal, changes)
    done = (_set_back(journal, changes), _take_away(journal, changes))
    restored += sum(good for good, _ in done)
    kept += sum(bad for _, bad in done)
    event.undone_at = utc_now()
    if event.undo_of is not None and (first := session.get(PersonEvent, event.undo_of)) is not None:
        first.undone_at = None
    key = event.id
    closed = journal.close()
    session.flush()
    return Undone(closed if closed is None or closed.id != key else None, restored, kept)


def _bring_back(journal: Journal, changes: Changes) -> tuple[int, int]:
    """Rows that the event deleted, where nobody else has made them and what they point at is there."""
    restored = kept = 0
    for table, model in _KINDS.items():
        for values in changes.removed.get(table, []):
            row = model(**_parsed(model, values))
            if journal.session.get(model, values["id"]) is None and _stands(journal.session, row):
                journal.add(row)  # type: ignore[arg-type]
                restored += 1
            else:
                kept += 1
    return restored, kept


def _set_back(journal: Journal, changes: Changes) -> tuple[int, int]:
    """Fields that still hold what the event had put there."""
    restored = kept = 0
    for table, names in changes.fields.items():
        model = _KINDS[table]
        for name, entries in names.items():
            now = dict(_current(journal.session, model, name, [key for key, _, _ in entries]))
            wanted = {key: before for key, before, after in entries if key in now and _plain(now[key]) == after}
            if name in ("person_id", "cover_face_id"):
                wanted = _only_present(journal.session, Person if name == "person_id" else Face, wanted)
            parsed = {key: _parse(model, name, value) for key, value in wanted.items()}
            restored += journal.set_many(model, name, parsed)
            kept += len(entries) - len(wanted)
    return restored, kept


def _take_away(journal: Journal, changes: Changes) -> tuple[int, int]:
    """Rows that the event made, where they are as it made them; a person only where nothing is theirs any more."""
    restored = kept = 0
    for table in reversed(_KINDS):
        model = _KINDS[table]
        for values in changes.added.get(table, []):
            row = journal.session.get(model, values["id"], populate_existing=True)
            if row is None:
                continue
            if _same(row, values) and not (isinstance(row, Person) and _has_tracks(journal.session, row.id)):
                journal.remove(row)  # type: ignore[arg-type]
                restored += 1
            else:
                kept += 1
    return restored, kept


def _same(row: Base, values: Mapping[str, Any]) -> bool:
    passing = _PASSING | {"cover_face_id"} if not values.get("cover_chosen") else _PASSING
    now = _whole(row)
    return all(now[name] == value for name, value in values.items() if name not in passing)


def _has_tracks(session: Session, person_id: int) -> bool:
    return bool(session.scalar(select(func.count()).select_from(Track).where(Track.person_id == person_id)))


def _stands(session: Session, row: Base) -> bool:
    """Whether everything that a row points at is there."""
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


def _current(session: Session, model: type[Base], name: str, keys: Iterable[int]) -> list[tuple[int, Any]]:
    """Present values of a field of those rows that exist."""
    found: list[tuple[int, Any]] = []
    session.flush()
    for part in batches(list(keys)):
        query = select(model.id, getattr(model, name)).where(model.id.in_(part))  # type: ignore[attr-defined]
        found.extend((key, value) for key, value in session.execute(query))
    return found


def _write_field(session: Session, model: type[Base], name: str, pairs: list[tuple[int, Any]]) -> None:
    column = model.__table__.c
    statement = (
        update(model).where(column.id == bindparam("row")).values({name: bindparam("value", type_=column[name].type)})
    )
    for part in batches(pairs):
        run(session, statement, [{"row": key, "value": value} for key, value in part])
    if pairs:
        session.expire_all()


def _whole(row: Base) -> dict[str, Any]:
    return {column.key: _plain(getattr(row, column.key)) for column in row.__table__.columns}


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def _parsed(model: type[Base], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _parse(model, name, value) for name, value in values.items() if name in model.__table__.c}


def _parse(model: type[Base], name: str, value: Any) -> Any:
    """A value as the table has it."""
    if value is not None and isinstance(model.__table__.c[name].type, UtcDateTime):
        return datetime.fromisoformat(value)
    return value
