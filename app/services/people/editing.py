"""What every edit shares: one transaction, one event, and what follows from it for the people it touches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFoundError, OutdatedError
from app.models import Person, Track
from app.services.context import Context
from app.storage import people as people_rows
from app.storage.journal import Journal
from app.storage.rows import batches

GONE = "There is no such person. They may have been joined with somebody else."
MANY = 100_000  # ids of one request


@dataclass
class Edited:
    """What an edit came to.

    Attributes:
        event_id: What to undo; ``None`` where nothing had to be changed.
        summary: A sentence for people.
        person_id: Whom the answer is about; ``None`` for nobody.
        people: All whom it touched and who are still there.
        gone: People who are no more.
        same_name: Others of the same name: perhaps the same person.
        notes: What the user should know besides.
    """

    event_id: int | None = None
    summary: str = ""
    person_id: int | None = None
    people: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    same_name: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Edit:
    """An edit at work.

    Attributes:
        context: The context.
        session: A writing session; nobody else changes who is who meanwhile.
        journal: Of its event.
        result: What it comes to.
        stays: People who stay although nothing may be left of them.
    """

    context: Context
    session: Session
    journal: Journal
    result: Edited = field(default_factory=Edited)
    stays: set[int] = field(default_factory=set)

    def person(self, person_id: int, revision: int | None = None) -> Person:
        """A person.

        Args:
            person_id: Who.
            revision: The number of changes that the user has seen; ``None`` where they did not say.

        Raises:
            NotFoundError: There is no such person.
            OutdatedError: Somebody else changed them since.
        """
        found = people_rows.get(self.session, person_id)
        if found is None:
            raise NotFoundError(GONE)
        if revision is not None and revision != found.revision:
            raise OutdatedError(f"{label(found)} was changed meanwhile. Look at what is new, then try again.")
        return found

    def new_person(self, name: str | None = None) -> Person:
        """A new person."""
        person = Person(name=people_rows.clean_name(name))
        self.journal.add(person)
        return person

    def tracks(self, ids: Collection[int]) -> list[Track]:
        """Tracks by id, without their vectors' weight on the session.

        Raises:
            NotFoundError: One of them is gone.
        """
        found: list[Track] = []
        for part in batches(sorted(set(ids))):
            found += self.session.scalars(select(Track).where(Track.id.in_(part)))
        if len(found) < len(set(ids)):
            missing = sorted(set(ids) - {track.id for track in found})
            raise NotFoundError(f"There is no track {missing[0]}. Its video may have been looked at again.")
        return found


@contextmanager
def editing(context: Context, kind: str) -> Iterator[Edit]:
    """Does all that the block changes, or nothing of it.

    At its end people are removed who are left without a face and of whom nothing is known, covers are chosen anew
    where they went away, and the event is filed.

    Args:
        context: The context.
        kind: One word for the event.
    """
    with context.database.write() as session:
        edit = Edit(context, session, Journal(session, kind, ""))
        yield edit
        finish(edit)


def finish(edit: Edit) -> None:
    """Ends an edit within its transaction: sweeps, chooses covers and files the event; see :func:`editing`."""
    journal, session = edit.journal, edit.session
    journal.summary = edit.result.summary
    journal.follow()
    touched = set(journal.people)
    for person in people_rows.emptied(session, touched - edit.stays):
        journal.remove(person)
    for person, cover in people_rows.lost_covers(session, touched):
        journal.set(person, cover_face_id=cover, cover_chosen=False)
    event = journal.close()
    edit.result.event_id = event.id if event is not None else None
    people_rows.choose_covers(session, touched)
    there = set(people_rows.present(session, touched))
    edit.result.people, edit.result.gone = sorted(there), sorted(touched - there)
    if edit.result.person_id not in there and edit.result.person_id in touched:
        edit.result.person_id = None


def label(person: Person) -> str:
    """The name, or a stand-in that tells unnamed people apart."""
    return person.name or f"Person {person.id}"


def labels(people: Sequence[Person], limit: int = 3) -> str:
    """Some people in one phrase: ``Ada and Bob``, ``Ada, Bob, Eve and 4 others``."""
    names = [label(person) for person in people[:limit]]
    rest = len(people) - len(names)
    if rest:
        return f"{', '.join(names)} and {rest} {'other' if rest == 1 else 'others'}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counted(number: int, noun: str) -> str:
    """A count with its noun: ``1 face``, ``2 faces``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
