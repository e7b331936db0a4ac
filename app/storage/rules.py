"""What users said about who is who, as arrays of ids: what every grouping has to honour."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.domain import IntArray, RuleKind
from app.models import LinkRule, Person, Track
from app.storage.people import HAS_FACTS
from app.storage.rows import batches, integers

IS_KEPT: ColumnElement[bool] = or_(HAS_FACTS, Person.hidden, Person.ignored, Person.cover_chosen)
"""A user said something about the person. Who has confirmed tracks, or is in a rule, is kept too."""

NO_PAIRS: IntArray = np.empty((0, 2), np.int64)
NO_IDS: IntArray = np.empty(0, np.int64)


@dataclass(frozen=True)
class HouseRules:
    """The rules of a library, or of a part of it.

    Attributes:
        together: ``int64`` (m, 2) tracks that share a frame.
        same: ``int64`` (m, 2) tracks that are one person.
        same_rules: ``int64`` (m,) the rules that say so.
        apart: ``int64`` (m, 2) tracks that are two.
        not_person: ``int64`` (m, 2) a track, and whom it is not.
        strangers: ``int64`` (m, 2) two people.
        confirmed: ``int64`` tracks of which a user said that they are their person, sorted.
        kept: ``int64`` (k,) people who must not be lost, sorted.
        named: ``bool`` (k,) which of them have a name.
    """

    together: IntArray = field(default_factory=lambda: NO_PAIRS)
    same: IntArray = field(default_factory=lambda: NO_PAIRS)
    same_rules: IntArray = field(default_factory=lambda: NO_IDS)
    apart: IntArray = field(default_factory=lambda: NO_PAIRS)
    not_person: IntArray = field(default_factory=lambda: NO_PAIRS)
    strangers: IntArray = field(default_factory=lambda: NO_PAIRS)
    confirmed: IntArray = field(default_factory=lambda: NO_IDS)
    kept: IntArray = field(default_factory=lambda: NO_IDS)
    named: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))

    @property
    def named_ids(self) -> frozenset[int]:
        """People who have a name."""
        return frozenset(self.kept[self.named].tolist())


def load(session: Session, together: IntArray, *, people: Collection[int] | None = None) -> HouseRules:
    """The rules of the library.

    Args:
        session: A session.
        together: Pairs of tracks that share a frame, from :func:`app.storage.tracks.seen_together`.
        people: Only what concerns these people; by default all. Rules about tracks are always all of them.

    Returns:
        The rules; a rule between a thing and itself is left out.
    """
    rules = session.execute(_RULES).all()
    tracks = [(row.track_id, row.other_track_id, row.id, row.kind) for row in rules if row.other_track_id is not None]
    same = [row for row in tracks if row[3] is RuleKind.SAME and row[0] != row[1]]
    apart = [row for row in tracks if row[3] is RuleKind.DIFFERENT and row[0] != row[1]]
    not_person = [(row.track_id, row.person_id) for row in rules if row.track_id and row.person_id]
    strangers = [(row.person_id, row.other_person_id) for row in rules if row.person_id and row.other_person_id]
    confirmed = _confirmed(session, people)
    kept = _with_facts(session, people)
    in_rules = {person for _, person in not_person} | {person for pair in strangers for person in pair}
    in_rules |= {person for _, person in confirmed}
    for person in in_rules if people is None else in_rules & set(people):
        kept.setdefault(person, False)
    ids = sorted(kept)
    return HouseRules(
        together=together,
        same=_pairs([row[:2] for row in same]),
        same_rules=integers([row[2] for row in same]),
        apart=_pairs([row[:2] for row in apart]),
        not_person=_pairs(not_person),
        strangers=_pairs([pair for pair in strangers if pair[0] != pair[1]]),
        confirmed=integers(sorted(track for track, _ in confirmed)),
        kept=integers(ids),
        named=np.array([kept[person] for person in ids], np.bool_),
    )


def kept_among(session: Session, people: IntArray) -> npt.NDArray[np.bool_]:
    """Which of some people must not be lost, ``bool`` as long as ``people``, which is sorted.

    Whoever has confirmed tracks is not looked for among all tracks here: :func:`load` finds them among a few people.
    """
    kept = set(session.scalars(select(Person.id).where(IS_KEPT)))
    for rule in session.execute(_RULES):
        kept.update(who for who in (rule.person_id, rule.other_person_id) if who is not None)
    return np.isin(people, np.fromiter(kept, np.int64, len(kept)))


_RULES = select(
    LinkRule.id,
    LinkRule.kind,
    LinkRule.track_id,
    LinkRule.other_track_id,
    LinkRule.person_id,
    LinkRule.other_person_id,
).order_by(LinkRule.id)


def _confirmed(session: Session, people: Collection[int] | None) -> list[tuple[int, int]]:
    query = select(Track.id, Track.person_id).where(Track.confirmed, Track.person_id.is_not(None))
    if people is None:
        return [(track, who) for track, who in session.execute(query) if who is not None]
    parts = (session.execute(query.where(Track.person_id.in_(part))) for part in batches(sorted(people)))
    return [(track, who) for part in parts for track, who in part if who is not None]


def _with_facts(session: Session, people: Collection[int] | None) -> dict[int, bool]:
    """People of whom a user said something, and whether it is a name."""
    query = select(Person.id, Person.name.is_not(None)).where(IS_KEPT)
    if people is None:
        return {who: bool(named) for who, named in session.execute(query)}
    parts = (session.execute(query.where(Person.id.in_(part))) for part in batches(sorted(people)))
    return {who: bool(named) for part in parts for who, named in part}


def _pairs(rows: list[tuple[int, int]]) -> IntArray:
    return np.array(rows, dtype=np.int64).reshape(-1, 2)
