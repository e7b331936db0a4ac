"""Makes several people one, within an edit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models import LinkRule, Person, Track
from app.storage.journal import Journal


def join_people(journal: Journal, keeper: Person, others: Sequence[Person], *, name: str | None = None) -> None:
    """Makes several people one.

    A later grouping must not take them apart again: their usable tracks are confirmed.

    Args:
        journal: Of the event.
        keeper: Who goes on.
        others: Whose tracks, rules and facts they take over; they are gone afterwards.
        name: The name that stays; by default the keeper's, else the first that one of the others has.
    """
    session = journal.session
    _take_facts(journal, keeper, others, name)
    gone = {person.id for person in others}
    _take_rules(journal, keeper.id, gone)
    tracks = _tracks_of(session, {keeper.id, *gone})
    journal.set_many(Track, "person_id", {track: keeper.id for track, _ in tracks})
    journal.set_many(Track, "confirmed", {track: True for track, usable in tracks if usable})
    for person in others:
        journal.remove(session.get_one(Person, person.id, populate_existing=True))


def _tracks_of(session: Session, people: set[int]) -> list[tuple[int, bool]]:
    query = select(Track.id, Track.usable).where(Track.person_id.in_(people))
    return [(track, usable) for track, usable in session.execute(query)]


def _take_facts(journal: Journal, keeper: Person, others: Sequence[Person], name: str | None) -> None:
    everybody = [keeper, *others]
    stays = name or next((person.name for person in everybody if person.name), None)
    names = [one for person in everybody for one in (person.name, *(person.aliases or []))]
    journal.set(
        keeper,
        name=stays,
        aliases=other_names(names, stays),
        notes="\n\n".join(dict.fromkeys(person.notes for person in everybody if person.notes)) or None,
        birth_date=next((person.birth_date for person in everybody if person.birth_date), None),
        favourite=any(person.favourite for person in everybody),
    )


def other_names(names: Iterable[str | None], name: str | None) -> list[str] | None:
    """Names besides the one that stays, each once whatever its case; ``None`` where there are none."""
    known = {(name or "").casefold()}
    found: list[str] = []
    for one in names:
        if one and one.casefold() not in known:
            known.add(one.casefold())
            found.append(one)
    return found or None


def _take_rules(journal: Journal, keeper: int, gone: set[int]) -> None:
    """Rules about those who go are about the keeper; those that contradict the joining, or say nothing new, go."""
    everybody = {keeper, *gone}
    session = journal.session
    mine = or_(LinkRule.person_id.in_(everybody), LinkRule.other_person_id.in_(everybody))
    seen: set[tuple[object, ...]] = set()
    for rule in session.scalars(select(LinkRule).where(mine).order_by(LinkRule.id)).all():
        person, other = (keeper if who in gone else who for who in (rule.person_id, rule.other_person_id))
        owner = session.scalar(select(Track.person_id).where(Track.id == rule.track_id)) if rule.track_id else None
        key = (rule.kind, rule.track_id, *sorted(str(who) for who in (person, other)))
        if person == other or owner in everybody or key in seen:
            journal.remove(rule)
            continue
        seen.add(key)
        journal.set(rule, person_id=person, other_person_id=other)
