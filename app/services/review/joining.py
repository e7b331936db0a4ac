"""What an answer does to people. Everything goes through a journal, so it is remembered and can be undone."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.domain import RuleKind
from app.models import LinkRule, Person, Track
from app.storage.journal import Journal


def faces_of(session: Session, person_id: int) -> int:
    """How many faces a person has."""
    return session.scalar(select(func.coalesce(func.sum(Track.face_count), 0)).where(Track.person_id == person_id)) or 0


def keeper_first(session: Session, one: Person, other: Person) -> tuple[Person, Person]:
    """Who goes on when two become one: who has a name, else a mark or a chosen cover, else more faces."""

    def rank(person: Person) -> tuple[bool, bool, int, int]:
        marked = person.favourite or person.cover_chosen or bool(person.notes or person.birth_date or person.aliases)
        return person.name is not None, marked, faces_of(session, person.id), -person.id

    return (one, other) if rank(one) >= rank(other) else (other, one)


def join_people(journal: Journal, keeper: Person, gone: Person) -> int:
    """Makes two people one.

    Args:
        journal: Of the event.
        keeper: Who goes on.
        gone: Whose tracks, rules and facts they take over.

    Returns:
        How many faces joined.
    """
    session = journal.session
    faces = faces_of(session, gone.id)
    anchors = [_anchor(session, person.id) for person in (keeper, gone)]
    _hand_over_facts(journal, keeper, gone)
    _hand_over_rules(journal, keeper.id, gone.id)
    tracks = session.scalars(select(Track.id).where(Track.person_id == gone.id)).all()
    journal.set_many(Track, "person_id", dict.fromkeys(tracks, keeper.id))
    if anchors[0] is not None and anchors[1] is not None:
        journal.add(LinkRule(kind=RuleKind.SAME, track_id=anchors[0], other_track_id=anchors[1]))
    journal.remove(session.get_one(Person, gone.id, populate_existing=True))
    return faces


def join_track(journal: Journal, person: Person, track: Track) -> int:
    """Gives a track to a person, for good.

    Returns:
        How many faces joined.
    """
    faces = track.face_count
    journal.set(track, person_id=person.id, confirmed=True)
    journal.about(person.id)
    return faces


def keep_people_apart(journal: Journal, one: Person, other: Person) -> None:
    """Notes that two people are two."""
    low, high = sorted((one.id, other.id))
    journal.add(LinkRule(kind=RuleKind.DIFFERENT, person_id=low, other_person_id=high))
    journal.about(one.id, other.id)


def keep_track_apart(journal: Journal, person: Person, track: Track) -> None:
    """Notes that a track is not of a person."""
    journal.add(LinkRule(kind=RuleKind.DIFFERENT, track_id=track.id, person_id=person.id))
    journal.about(person.id)


def _anchor(session: Session, person_id: int) -> int | None:
    """The track that stands for a person: a confirmed one, else the heaviest usable one."""
    order = (Track.confirmed.desc(), Track.usable.desc(), Track.face_count.desc(), Track.id)
    return session.scalar(select(Track.id).where(Track.person_id == person_id).order_by(*order).limit(1))


def _hand_over_facts(journal: Journal, keeper: Person, gone: Person) -> None:
    names = [*(keeper.aliases or []), *([gone.name] if gone.name and keeper.name else []), *(gone.aliases or [])]
    aliases = list(dict.fromkeys(name for name in names if name != keeper.name))
    journal.set(
        keeper,
        name=keeper.name or gone.name,
        aliases=aliases or None,
        notes="\n".join(text for text in (keeper.notes, gone.notes) if text) or None,
        birth_date=keeper.birth_date or gone.birth_date,
        favourite=keeper.favourite or gone.favourite,
    )


def _hand_over_rules(journal: Journal, keeper: int, gone: int) -> None:
    mine = or_(LinkRule.person_id == gone, LinkRule.other_person_id == gone)
    for rule in journal.session.scalars(select(LinkRule).where(mine)).all():
        people = {keeper if who == gone else who for who in (rule.person_id, rule.other_person_id)}
        if len(people) > 1:  # a rule about both of them is about nobody any more
            name = "person_id" if rule.person_id == gone else "other_person_id"
            journal.set(rule, **{name: keeper})
