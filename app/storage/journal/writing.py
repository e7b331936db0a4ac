"""Makes changes and files them as an event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.models import Base, Face, LinkRule, Person, PersonEvent, PersonEventPerson, Track, utc_now
from app.storage import faces as face_rows
from app.storage.journal.changes import Changes, current, partners, plain, whole
from app.storage.rows import batches, run, serialize_findings


class Journal:
    """Changes rows within one writing transaction, and files them as one event at the end.

    A track's person is the truth; the person of its faces follows in :meth:`close` and is no part of an event.
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
        self._fields: dict[str, dict[str, dict[int, list[Any]]]] = {}
        self._people: set[int] = set()
        self._tracks: set[int] = set()
        self._faces: set[int] = set()

    @property
    def people(self) -> frozenset[int]:
        """Whom the event is about so far."""
        return frozenset(self._people)

    def about(self, *people: int) -> None:
        """Says whom the event is about, beyond those whose rows it changes."""
        self._people.update(people)

    def set(self, row: Base, **values: Any) -> None:
        """Changes fields of a row; equal values are no change."""
        for name, value in values.items():
            self.set_many(type(row), name, {row.id: value})  # type: ignore[attr-defined]
        if isinstance(row, Person):
            self.about(row.id)

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
            for key, before in current(self.session, model, name, values)
            if plain(before) != plain(values[key])
        ]
        for key, before, after in changed:
            self._note(model.__tablename__, name, key, plain(before), plain(after))
        self._remember(model, name, changed)
        _write_field(self.session, model, name, [(key, after) for key, _, after in changed])
        return len(changed)

    def add(self, row: Person | LinkRule | Track) -> None:
        """Makes a row; a track only as an undoing, where it was there before."""
        self.session.add(row)
        self.session.flush()
        self._changes.added.setdefault(row.__tablename__, []).append(whole(row))
        if isinstance(row, Person):
            self.about(row.id)

    def add_people(self, people: Sequence[Person]) -> None:
        """Makes many people, in few statements."""
        if not people:
            return
        self.session.add_all(people)
        self.session.flush()
        self._changes.added.setdefault(Person.__tablename__, []).extend(whole(row) for row in people)
        self.about(*(row.id for row in people))

    def remove_people(self, people: Sequence[Person]) -> None:
        """Deletes many people who have no track any more and of whom no rule speaks, in few statements."""
        self.session.flush()
        for part in batches(people):
            self._changes.removed.setdefault(Person.__tablename__, []).extend(whole(row) for row in part)
            ids = [row.id for row in part]
            self.about(*ids)
            for row in part:
                self.session.expunge(row)
            run(self.session, delete(Person).where(Person.id.in_(ids)))

    def remove(self, row: Person | LinkRule | Track) -> None:
        """Deletes a row with the rules about it; the tracks of a person are nobody's then, the faces of a track lose it."""
        if isinstance(row, Person):
            self.about(row.id)
            self._remove_rules(or_(LinkRule.person_id == row.id, LinkRule.other_person_id == row.id))
            tracks = list(self.session.scalars(select(Track.id).where(Track.person_id == row.id)))
            self.set_many(Track, "confirmed", dict.fromkeys(tracks, False))
            self.set_many(Track, "person_id", dict.fromkeys(tracks))
        elif isinstance(row, Track):
            self._remove_rules(or_(LinkRule.track_id == row.id, LinkRule.other_track_id == row.id))
            faces = self.session.scalars(select(Face.id).where(Face.track_id == row.id))
            self.set_many(Face, "track_id", dict.fromkeys(faces))
            self.set_many(Track, "confirmed", {row.id: False})
            self.set_many(Track, "person_id", {row.id: None})
        self.session.refresh(row)
        self._changes.removed.setdefault(row.__tablename__, []).append(whole(row))
        self.session.delete(row)
        self.session.flush()

    def follow(self) -> None:
        """Gives the faces of all tracks that were changed so far their track's person, and faces without one nobody."""
        face_rows.follow_some(self.session, tracks=sorted(self._tracks), faces=sorted(self._faces))
        self._tracks.clear()
        self._faces.clear()

    def close(self) -> PersonEvent | None:
        """Files the event, and counts up the revision of everybody whom it is about.

        Returns:
            The event, or ``None`` where nothing changed.
        """
        self.follow()
        self._changes.fields = {
            table: {name: [[key, *both] for key, both in entries.items()] for name, entries in names.items()}
            for table, names in self._fields.items()
        }
        if self._changes.empty:
            return None
        self._changes.newest_track = self.session.scalar(select(func.max(Track.id))) or 0
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

    def _remove_rules(self, which: Any) -> None:
        for rule in self.session.scalars(select(LinkRule).where(which)).all():
            self.remove(rule)

    def _remember(self, model: type[Base], name: str, changed: Iterable[tuple[int, Any, Any]]) -> None:
        keys = [key for key, _, _ in changed]
        if model is Track and name == "person_id":
            self._tracks.update(keys)
            self._people.update(who for _, *both in changed for who in both if who is not None)
        elif model is Track:
            owners = current(self.session, Track, "person_id", keys)
            self._people.update(who for _, who in owners if who is not None)
        elif model is Face:
            self._faces.update(keys)
        elif model is Person:
            self._people.update(keys)
        self._guard(model, name, keys)

    def _guard(self, model: type[Base], name: str, keys: list[int]) -> None:
        """Notes what held of the fields that belong to a changed one, so that an undoing sees whether it still does.

        Switches that were off are not noted: there are many, and it goes without saying.
        """
        table = model.__tablename__
        for other in partners(table, name):
            noted = self._fields.get(table, {}).get(other, {})
            for key, value in current(self.session, model, other, [key for key in keys if key not in noted]):
                if value is not False:
                    self._note(table, other, key, plain(value), plain(value))

    def _note(self, table: str, name: str, key: int, before: Any, after: Any) -> None:
        """Keeps the first value before and the last one after: a field may change twice in an event."""
        entries = self._fields.setdefault(table, {}).setdefault(name, {})
        entries[key] = [entries[key][0] if key in entries else before, after]


def _write_field(session: Session, model: type[Base], name: str, pairs: list[tuple[int, Any]]) -> None:
    column = model.__table__.c
    statement = (
        update(model).where(column.id == bindparam("row")).values({name: bindparam("value", type_=column[name].type)})
    )
    for part in batches(pairs):
        run(session, statement, [{"row": key, "value": value} for key, value in part])
    if pairs:
        session.expire_all()
