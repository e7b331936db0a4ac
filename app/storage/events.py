"""What was done to people: lists of events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, defer

from app.models import PersonEvent, PersonEventPerson

PEOPLE_TOLD = 50


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event, without what it changed.

    Attributes:
        id: Its id.
        kind: One word, such as ``merge``.
        summary: A sentence for people.
        created_at: When it happened.
        undone_at: When it was taken back, if it was.
        undo_of: The event that it took back itself, if it is such a one.
        people: Whom it is about, at most 50; they may be gone.
    """

    id: int
    kind: str
    summary: str
    created_at: datetime
    undone_at: datetime | None
    undo_of: int | None
    people: tuple[int, ...]


def get(session: Session, event_id: int) -> PersonEvent | None:
    """The event, fresh from the database, or ``None``."""
    return session.get(PersonEvent, event_id, populate_existing=True)


def newest(session: Session, size: int, *, person_id: int | None = None, before: int | None = None) -> list[EventRow]:
    """Events, newest first.

    Args:
        session: A session.
        size: At most so many.
        person_id: Only those about this person.
        before: Only those older than this event.
    """
    query = select(PersonEvent).options(defer(PersonEvent.changes)).order_by(PersonEvent.id.desc()).limit(size)
    if before is not None:
        query = query.where(PersonEvent.id < before)
    if person_id is not None:
        about = exists().where(PersonEventPerson.event_id == PersonEvent.id, PersonEventPerson.person_id == person_id)
        query = query.where(about)
    return _rows(session, session.scalars(query).all())


def by_id(session: Session, event_id: int) -> EventRow | None:
    """One event, or ``None``."""
    query = select(PersonEvent).options(defer(PersonEvent.changes)).where(PersonEvent.id == event_id)
    return next(iter(_rows(session, session.scalars(query).all())), None)


def _rows(session: Session, events: Sequence[PersonEvent]) -> list[EventRow]:
    people: dict[int, list[int]] = defaultdict(list)
    for event in events:
        about = select(PersonEventPerson.person_id).where(PersonEventPerson.event_id == event.id)
        people[event.id] += session.scalars(about.order_by(PersonEventPerson.person_id).limit(PEOPLE_TOLD))
    return [
        EventRow(
            id=event.id,
            kind=event.kind,
            summary=event.summary,
            created_at=event.created_at,
            undone_at=event.undone_at,
            undo_of=event.undo_of,
            people=tuple(people[event.id]),
        )
        for event in events
    ]
