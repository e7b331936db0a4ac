"""People: found, named, and gone when nobody needs them. Lists for pages are in ``app.storage.views``."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.errors import InvalidInputError
from app.models import Face, Person, Track, utc_now
from app.storage.rows import run, serialize_findings

MAX_NAME = 200


def add(session: Session, name: str | None = None) -> Person:
    """Files a person."""
    return add_many(session, 1, [name])[0]


def add_many(session: Session, number: int, names: Sequence[str | None] | None = None) -> list[Person]:
    """Files many people in few statements; unnamed unless names are given."""
    given = names if names is not None else [None] * number
    people = [Person(name=clean_name(name)) for name in given]
    session.add_all(people)
    session.flush()
    return people


def get(session: Session, person_id: int) -> Person | None:
    """The person, fresh from the database, or ``None``."""
    return session.get(Person, person_id, populate_existing=True)


def clean_name(name: str | None) -> str | None:
    """A name as it is kept: one line, no blanks around it; ``None`` where nothing is left.

    Raises:
        InvalidInputError: It is too long or holds control characters.
    """
    text = " ".join((name or "").split())
    if len(text) > MAX_NAME:
        raise InvalidInputError(f"A name has at most {MAX_NAME} characters.")
    if not all(char.isprintable() for char in text):
        raise InvalidInputError("A name must not hold control characters.")
    return text or None


def rename(session: Session, person_id: int, name: str | None) -> Person | None:
    """Names a person, or takes the name away with ``None`` or blanks.

    Returns:
        The person, or ``None`` where there is none of this id.

    Raises:
        InvalidInputError: The name is too long or holds control characters.
    """
    statement = update(Person).where(Person.id == person_id).values(name=clean_name(name), updated_at=utc_now())
    # One statement: between a look and a write, another process may delete a person whom nobody needs.
    return get(session, person_id) if run(session, statement) else None


def named(session: Session) -> dict[int, str]:
    """Names of all people who have one, by id."""
    rows = session.execute(select(Person.id, Person.name).where(Person.name.is_not(None)).order_by(Person.id))
    return {person_id: name for person_id, name in rows if name is not None}


def count(session: Session) -> int:
    """How many people there are."""
    return session.scalar(select(func.count()).select_from(Person)) or 0


def delete_empty(session: Session) -> int:
    """Deletes people without a name and without a track or face.

    Returns:
        How many.
    """
    serialize_findings(session)
    has_track = exists().where(Track.person_id == Person.id)
    has_face = exists().where(Face.person_id == Person.id)
    return run(session, delete(Person).where(Person.name.is_(None), ~has_track, ~has_face))


def choose_covers(session: Session) -> int:
    """Gives each person a cover who has none, or whose cover is no longer a face of theirs.

    It is the best face of the best track. A cover that still is theirs stays, so a page does not flicker.

    Returns:
        How many covers changed.
    """
    best = (
        select(Track.best_face_id)
        .join(Face, Face.id == Track.best_face_id)
        .where(Track.person_id == Person.id)
        .order_by(Track.usable.desc(), Track.quality.desc(), Track.id)
        .limit(1)
        .scalar_subquery()
    )
    theirs = exists().where(Face.id == Person.cover_face_id, Face.person_id == Person.id)
    statement = update(Person).where(~theirs, Person.cover_face_id.is_distinct_from(best))
    return run(session, statement.values(cover_face_id=best, updated_at=utc_now()))
