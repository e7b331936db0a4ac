"""Rules that edits leave behind, so that a later grouping keeps what the user said."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, and_, or_, select

from app.domain import RuleKind
from app.models import LinkRule, Track
from app.storage.journal import Journal
from app.storage.rows import batches


def keep_tracks_from(journal: Journal, tracks: Iterable[int], person_id: int) -> None:
    """Says that some tracks are not a person; a rule that says so already is not made twice."""
    tracks = sorted(tracks)
    known = {rule.track_id for rule in _about(journal, tracks) if rule.person_id == person_id}
    for track in tracks:
        if track not in known:
            journal.add(LinkRule(kind=RuleKind.DIFFERENT, track_id=track, person_id=person_id))
    journal.about(person_id)


def keep_people_apart(journal: Journal, people: Collection[int]) -> int:
    """Says that some people are all different from each other.

    Returns:
        How many pairs of them were not known to be.
    """
    ordered = sorted(set(people))
    query = select(LinkRule).where(
        LinkRule.kind == RuleKind.DIFFERENT, LinkRule.person_id.in_(ordered), LinkRule.other_person_id.in_(ordered)
    )
    known = {frozenset((rule.person_id, rule.other_person_id)) for rule in journal.session.scalars(query)}
    pairs = [(one, other) for place, one in enumerate(ordered) for other in ordered[place + 1 :]]
    fresh = [pair for pair in pairs if frozenset(pair) not in known]
    for one, other in fresh:
        journal.add(LinkRule(kind=RuleKind.DIFFERENT, person_id=one, other_person_id=other))
        journal.about(one, other)
    _part(journal, ordered)
    return len(fresh)


def give_way(journal: Journal, tracks: Collection[int], person_id: int | None) -> None:
    """Removes rules about tracks that the user's newest word contradicts.

    Args:
        journal: Of the event.
        tracks: Tracks that now belong together.
        person_id: Whose they are now; ``None``: nobody's.
    """
    mine = set(tracks)
    for rule in _about(journal, sorted(mine)):
        other = rule.other_track_id if rule.track_id in mine else rule.track_id
        if rule.kind is RuleKind.SAME:
            wrong = other not in mine and (person_id is None or _owner(journal, other) != person_id)
        elif rule.person_id is not None:
            wrong = rule.person_id == person_id
        else:
            wrong = person_id is not None and (other in mine or _owner(journal, other) == person_id)
        if wrong:
            journal.remove(rule)


def _part(journal: Journal, people: list[int]) -> None:
    """Removes rules by which tracks of different ones of these people would be one."""
    one = select(Track.id).where(Track.person_id.in_(people))
    query = select(LinkRule).where(
        LinkRule.kind == RuleKind.SAME, LinkRule.track_id.in_(one), LinkRule.other_track_id.in_(one)
    )
    for rule in journal.session.scalars(query).all():
        if _owner(journal, rule.track_id) != _owner(journal, rule.other_track_id):
            journal.remove(rule)


def _owner(journal: Journal, track_id: int | None) -> int | None:
    return journal.session.scalar(select(Track.person_id).where(Track.id == track_id))


def _about(journal: Journal, tracks: list[int]) -> list[LinkRule]:
    found: dict[int, LinkRule] = {}
    for part in batches(tracks):
        ends: ColumnElement[bool] = or_(LinkRule.track_id.in_(part), LinkRule.other_track_id.in_(part))
        query = select(LinkRule).where(and_(ends)).order_by(LinkRule.id)
        found.update({rule.id: rule for rule in journal.session.scalars(query)})
    return list(found.values())
