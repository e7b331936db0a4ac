"""What was done to people, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import ConflictError, NotFoundError
from app.services.context import Context
from app.services.people.editing import GONE
from app.storage import events as event_rows
from app.storage import people as people_rows
from app.storage.events import EventRow
from app.storage.journal import undo
from app.storage.rows import serialize_findings


@dataclass(frozen=True, slots=True)
class EventList:
    """One piece of the history.

    Attributes:
        events: Newest first.
        next: Where the next piece begins; ``None`` at the end.
    """

    events: list[EventRow]
    next: int | None


@dataclass(frozen=True, slots=True)
class UndoneEvent:
    """What became of taking an event back.

    Attributes:
        event_id: The event that was taken back.
        undo_event_id: What to undo to have it again; ``None`` where nothing was left to take back.
        restored: Facts that are again as they were before.
        kept: Facts that newer changes have touched since; they stay as they are.
        summary: A sentence for people.
        people: Whom it touched and who are there.
    """

    event_id: int
    undo_event_id: int | None
    restored: int
    kept: int
    summary: str
    people: list[int]


def list_events(
    context: Context, *, person_id: int | None = None, size: int = 50, before: int | None = None
) -> EventList:
    """What was done, newest first.

    Args:
        context: The context.
        person_id: Only to this person, who may be gone.
        size: At most so many.
        before: Only what is older than this event.

    Raises:
        NotFoundError: There never was such a person, or nothing was ever done to them and they are gone.
    """
    with context.database.session() as session:
        found = event_rows.newest(session, size + 1, person_id=person_id, before=before)
        if not found and before is None and person_id is not None and people_rows.get(session, person_id) is None:
            raise NotFoundError(GONE)
    return EventList(found[:size], found[size - 1].id if len(found) > size else None)


def event_of(context: Context, event_id: int) -> EventRow:
    """One event.

    Raises:
        NotFoundError: There is no such event.
    """
    with context.database.session() as session:
        found = event_rows.by_id(session, event_id)
    if found is None:
        raise NotFoundError("There is no such event.")
    return found


def undo_event(context: Context, event_id: int) -> UndoneEvent:
    """Takes an event back, however old; what newer ones have changed since stays.

    Raises:
        NotFoundError: There is no such event.
        ConflictError: It was taken back already.
    """
    with context.database.write() as session:
        serialize_findings(session)
        event = event_rows.get(session, event_id)
        if event is None:
            raise NotFoundError("There is no such event.")
        if event.undone_at is not None:
            raise ConflictError("This was undone already. To have it again, undo the undoing.")
        done = undo(session, event)
        people_rows.choose_covers(session, done.people)
        there = people_rows.present(session, done.people)
        undo_id = done.event.id if done.event is not None else None
    return UndoneEvent(event_id, undo_id, done.restored, done.kept, _told(done.restored, done.kept), sorted(there))


def _told(restored: int, kept: int) -> str:
    if not restored:
        return "Nothing was left to undo: all of it was changed since." if kept else "There was nothing to undo."
    return "Undone; what was changed since stays as it is." if kept else "Undone."
