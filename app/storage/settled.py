"""Which pairs need no question: rules and answers have settled them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.domain import RuleKind
from app.models import LinkRule, Track
from app.storage import questions
from app.storage.questions import pair_of_people, pair_of_track


@dataclass
class Settled:
    """Pairs as :attr:`app.storage.questions.Candidate.pair` names them.

    Attributes:
        apart: Rules say that they are two.
        same: Rules say that they are one.
        asked: Somebody has been asked, whatever the answer.
    """

    apart: set[str] = field(default_factory=set)
    same: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)

    def __contains__(self, pair: object) -> bool:
        return pair in self.apart or pair in self.same or pair in self.asked


def settled(session: Session) -> Settled:
    """What rules and answers say, in terms of the people of today."""
    found = Settled()
    one, other = aliased(Track), aliased(Track)
    query = (
        select(LinkRule, one.person_id, other.person_id)
        .outerjoin(one, one.id == LinkRule.track_id)
        .outerjoin(other, other.id == LinkRule.other_track_id)
    )
    for rule, owner, other_owner in session.execute(query):
        place = found.apart if rule.kind is RuleKind.DIFFERENT else found.same
        place.update(_pairs_of_rule(rule, owner, other_owner))
    for answered in questions.asked(session):
        people = {answered.person_id, answered.now} - {None}
        others = {answered.other_person_id, answered.other_now} - {None}
        found.asked.update(_across(people, others))
        if answered.track_id is not None:
            found.asked.update(pair_of_track(answered.track_id, person) for person in people if person)
    return found


def _pairs_of_rule(rule: LinkRule, owner: int | None, other_owner: int | None) -> Iterable[str]:
    """A rule about a track is also one about whoever has it."""
    ends: list[tuple[int | None, int | None]]  # of a rule: a track where it is one, and whose
    if rule.track_id is None:
        ends = [(None, rule.person_id), (None, rule.other_person_id)]
    elif rule.other_track_id is None:
        ends = [(rule.track_id, owner), (None, rule.person_id)]
    else:
        ends = [(rule.track_id, owner), (rule.other_track_id, other_owner)]
    (track, person), (other_track, other_person) = ends
    yield from _across({person}, {other_person})
    for one, whole in ((track, other_person), (other_track, person)):
        if one is not None and whole is not None:
            yield pair_of_track(one, whole)


def _across(people: Iterable[int | None], others: Iterable[int | None]) -> Iterable[str]:
    return [pair_of_people(one, other) for one in people for other in others if one and other and one != other]
