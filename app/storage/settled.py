"""Which pairs need no question: rules, answers and shared frames have settled them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import CTE, ColumnElement, Integer, Select, and_, column, select, values
from sqlalchemy.orm import Session, aliased

from app.domain import RuleKind
from app.models import Face, LinkRule, Track
from app.storage import questions
from app.storage.questions import Candidate, pair_of_people, pair_of_track
from app.storage.rows import batches

PAIRS_AT_ONCE = 500  # of one statement


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


def share_a_frame(session: Session, candidates: Sequence[Candidate]) -> set[str]:
    """Pairs of which both are seen in one sampled frame: two faces of one frame are two people."""
    found: set[str] = set()
    for part in batches([one for one in candidates if one.track_id is None], PAIRS_AT_ONCE):
        pairs = [(one.person_id, one.other_person_id or 0) for one in part]
        found.update(pair_of_people(*pair) for pair in _people_in_one_frame(session, pairs))
    for part in batches([one for one in candidates if one.track_id is not None], PAIRS_AT_ONCE):
        pairs = [(one.person_id, one.track_id or 0) for one in part]
        found.update(pair_of_track(track, person) for person, track in _tracks_in_one_frame(session, pairs))
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


def _people_in_one_frame(session: Session, pairs: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    # By tracks first: few of two people's tracks are of one video and overlap, and only their faces are looked at.
    wanted, mine, theirs = _wanted(pairs), aliased(Track), aliased(Track)
    query = (
        select(wanted.c.one, wanted.c.other)
        .join(mine, mine.person_id == wanted.c.one)
        .join(theirs, and_(theirs.person_id == wanted.c.other, *_overlap(mine, theirs)))
    )
    return _in_one_frame(session, query, mine, theirs)


def _tracks_in_one_frame(session: Session, pairs: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    wanted, mine, theirs = _wanted(pairs), aliased(Track), aliased(Track)
    query = (
        select(wanted.c.one, wanted.c.other)
        .join(theirs, theirs.id == wanted.c.other)
        .join(mine, and_(mine.person_id == wanted.c.one, *_overlap(mine, theirs)))
    )
    return _in_one_frame(session, query, mine, theirs)


def _wanted(pairs: Sequence[tuple[int, int]]) -> CTE:
    return values(column("one", Integer), column("other", Integer), name="wanted").data(list(pairs)).cte("wanted")


def _overlap(mine: type[Track], theirs: type[Track]) -> tuple[ColumnElement[bool], ...]:
    return theirs.video_id == mine.video_id, theirs.start <= mine.end, theirs.end >= mine.start


def _in_one_frame(
    session: Session, query: Select[int, int], mine: type[Track], theirs: type[Track]
) -> Iterable[tuple[int, int]]:
    one, other = aliased(Face), aliased(Face)
    same_frame = and_(other.video_id == one.video_id, other.sample == one.sample, other.track_id == theirs.id)
    query = query.join(one, and_(one.track_id == mine.id, ~one.dismissed)).join(
        other, and_(same_frame, ~other.dismissed)
    )
    return [(row[0], row[1]) for row in session.execute(query.distinct())]
