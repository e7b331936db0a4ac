"""People: found, named, and gone when nobody needs them. Lists for pages are in ``app.storage.views``."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.errors import InvalidInputError
from app.models import Face, Person, Track, utc_now
from app.storage.rows import batches, run, serialize_findings

MAX_NAME = 200
MAX_FOUND = 10_000  # people of one search

_IS_TOLD_OF = or_(
    Person.name.is_not(None),
    Person.aliases.is_not(None),
    Person.notes.is_not(None),
    Person.birth_date.is_not(None),
    Person.favourite,
)
HAS_FACTS: ColumnElement[bool] = or_(_IS_TOLD_OF, Person.hidden, Person.ignored)
"""A user said something of the person: a grouping keeps them."""

IS_NEEDED: ColumnElement[bool] = or_(
    _IS_TOLD_OF, exists().where(Track.person_id == Person.id), exists().where(Face.person_id == Person.id)
)
"""Who has a face, or of whom a user said more than how to show them: a stranger who is never seen again is nobody."""


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


def of_name(session: Session, name: str, *, but: int | None = None) -> list[int]:
    """People who have this name, or have it among their other names, whatever its case; by id."""
    wanted = name.casefold()
    return [
        person_id
        for person_id, names in names_of_all(session)
        if person_id != but and any(one.casefold() == wanted for one in names)
    ]


def matching(session: Session, text: str) -> list[int]:
    """People by name: all words occur in one of their names, whatever case and accents; or by their number.

    Args:
        session: A session.
        text: Words, or ``12`` or ``Person 12``.

    Returns:
        Their ids, at most :data:`MAX_FOUND`.
    """
    words = _folded(text).split()
    found = [
        person_id
        for person_id, names in names_of_all(session)
        if any(all(word in name for word in words) for name in map(_folded, names))
    ]
    digits = words[-1] if words and words[:-1] in ([], ["person"]) else ""
    if digits.isascii() and digits.isdigit() and len(digits) < 10:
        found = list(dict.fromkeys([int(digits), *found]))
    return found[:MAX_FOUND]


def _folded(text: str) -> str:
    """Without case and accents: ``José`` is found by ``jose``."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))


def names_of_all(session: Session) -> list[tuple[int, list[str]]]:
    """All names of everybody who has one, by id. Names are compared here: databases know the cases of ASCII only."""
    has_name = or_(Person.name.is_not(None), Person.aliases.is_not(None))
    query = select(Person.id, Person.name, Person.aliases).where(has_name).order_by(Person.id)
    return [(key, [*([name] if name else []), *(aliases or [])]) for key, name, aliases in session.execute(query)]


def named(session: Session) -> dict[int, str]:
    """Names of all people who have one, by id."""
    rows = session.execute(select(Person.id, Person.name).where(Person.name.is_not(None)).order_by(Person.id))
    return {person_id: name for person_id, name in rows if name is not None}


def count(session: Session) -> int:
    """How many people there are."""
    return session.scalar(select(func.count()).select_from(Person)) or 0


def delete_empty(session: Session) -> int:
    """Deletes people without a track or face of whom no user has said anything.

    Returns:
        How many.
    """
    serialize_findings(session)
    return run(session, delete(Person).where(~IS_NEEDED))


def present(session: Session, people: Collection[int]) -> list[int]:
    """Those of some people who exist."""
    found: list[int] = []
    for part in batches(sorted(people)):
        found += session.scalars(select(Person.id).where(Person.id.in_(part)))
    return found


def track_ids(session: Session, person_id: int, *, but: Collection[int] = ()) -> list[tuple[int, bool]]:
    """The tracks of a person except some, each with whether it is usable."""
    query = select(Track.id, Track.usable).where(Track.person_id == person_id).order_by(Track.id)
    left_out = set(but)
    return [(track, usable) for track, usable in session.execute(query) if track not in left_out]


def emptied(session: Session, people: Collection[int]) -> list[Person]:
    """Those of some people who have no track any more, and of whom no user has said anything."""
    has_track = exists().where(Track.person_id == Person.id)
    found: list[Person] = []
    for part in batches(sorted(people)):
        found += session.scalars(select(Person).where(Person.id.in_(part), ~_IS_TOLD_OF, ~has_track))
    return found


def lost_covers(session: Session, people: Collection[int]) -> list[tuple[Person, int | None]]:
    """Those of some people whose chosen cover is no face of theirs any more, with the best one that is."""
    found: list[tuple[Person, int | None]] = []
    for part in batches(sorted(people)):
        query = select(Person, _BEST_FACE).where(Person.id.in_(part), Person.cover_chosen, ~_COVER_IS_THEIRS)
        found += [(person, face) for person, face in session.execute(query)]
    return found


def choose_covers(session: Session, people: Collection[int] | None = None) -> int:
    """Gives each person a cover who has none, or whose cover is no longer a face of theirs.

    It is the best face of the best track. A cover that still is theirs stays, so a page does not flicker; one that a
    user chose and that is theirs no longer was chosen for nothing.

    Args:
        session: A writing session.
        people: Only these; quick in a large library.

    Returns:
        How many covers changed.
    """
    statement = update(Person).where(~_COVER_IS_THEIRS, Person.cover_face_id.is_distinct_from(_BEST_FACE))
    statement = statement.values(cover_face_id=_BEST_FACE, cover_chosen=False, updated_at=utc_now())
    if people is None:
        return run(session, statement)
    return sum(run(session, statement.where(Person.id.in_(part))) for part in batches(sorted(people)))


_BEST_FACE = (
    select(Track.best_face_id)
    .join(Face, Face.id == Track.best_face_id)
    .where(Track.person_id == Person.id)
    .order_by(Track.usable.desc(), Track.quality.desc(), Track.id)
    .limit(1)
    .correlate(Person)
    .scalar_subquery()
)
_COVER_IS_THEIRS = exists().where(Face.id == Person.cover_face_id, Face.person_id == Person.id).correlate(Person)
