"""What users decided, where it no longer fits the tracks and people that it is about."""

from __future__ import annotations

from sqlalchemy import case, delete, exists, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased
from sqlalchemy.sql import ColumnElement

from app.domain import RuleKind, RunState
from app.models import ClusteringRun, Face, LinkRule, Person, ReviewQuestion, Track, utc_now
from app.services.doctor.rows import Repair, is_damaged, mend
from app.services.doctor.visit import Visit
from app.storage import decisions
from app.storage.rows import run


def _lacks(column: InstrumentedAttribute[int | None], table: type[Track] | type[Person]) -> ColumnElement[bool]:
    """True where a column names a row that is gone."""
    return column.is_not(None) & ~exists().where(table.id == column)


def _count(*columns: InstrumentedAttribute[int | None]) -> ColumnElement[int]:
    """How many of the columns name something."""
    first, second = (case((column.is_not(None), 1), else_=0) for column in columns)
    return first + second


_TRACKS = _count(LinkRule.track_id, LinkRule.other_track_id)
_PEOPLE = _count(LinkRule.person_id, LinkRule.other_person_id)
BROKEN = or_(
    _TRACKS + _PEOPLE != 2,
    (LinkRule.kind == RuleKind.SAME) & (_TRACKS != 2),
    LinkRule.track_id == LinkRule.other_track_id,
    LinkRule.person_id == LinkRule.other_person_id,
    _lacks(LinkRule.track_id, Track),
    _lacks(LinkRule.other_track_id, Track),
    _lacks(LinkRule.person_id, Person),
    _lacks(LinkRule.other_person_id, Person),
)
FOR_NOBODY = Track.confirmed & Track.person_id.is_(None)
IN_TRACKS = Face.dismissed & Face.track_id.is_not(None)
WITHOUT_CHOICE = Person.cover_chosen & ~exists().where(Face.id == Person.cover_face_id).correlate(Person)
_newer = aliased(ClusteringRun)
STALE = (ClusteringRun.state == RunState.PREVIEW) & or_(
    ClusteringRun.plan.is_(None),
    exists().where(_newer.id > ClusteringRun.id, _newer.state.in_((RunState.PREVIEW, RunState.APPLIED))),
)


def _discard_previews(session: Session) -> None:
    ended = {"state": RunState.DISCARDED, "plan": None, "ended_at": utc_now()}
    ids = list(session.scalars(select(ClusteringRun.id).where(STALE)))
    run(session, update(ClusteringRun).where(ClusteringRun.id.in_(ids)).values(**ended))


DISMISSED = Repair(
    "dismissed_in_tracks",
    "picture that is no face in a track",
    "taken out",
    Face.id,
    IN_TRACKS,
    lambda session: run(session, update(Face).where(IN_TRACKS).values(track_id=None, person_id=None)),
)
DECISIONS = (
    Repair(
        "broken_rules",
        "rule without its two ends",
        "removed",
        LinkRule.id,
        BROKEN,
        lambda session: run(session, delete(LinkRule).where(BROKEN)),
    ),
    Repair(
        "confirmed_for_nobody",
        "track that was confirmed for nobody",
        "left open",
        Track.id,
        FOR_NOBODY,
        lambda session: run(session, update(Track).where(FOR_NOBODY).values(confirmed=False)),
    ),
    Repair(
        "lost_choices",
        "person whose chosen picture was gone",
        "given another one",
        Person.id,
        WITHOUT_CHOICE,
        lambda session: run(session, update(Person).where(WITHOUT_CHOICE).values(cover_chosen=False)),
    ),
    Repair(
        "questions_about_nobody",
        "question about somebody who is gone",
        "removed",
        ReviewQuestion.id,
        decisions.ABOUT_NOBODY,
        decisions.forget_questions,
    ),
    Repair(
        "stale_previews",
        "preview of a grouping that was overtaken",
        "discarded",
        ClusteringRun.id,
        STALE,
        _discard_previews,
    ),
)


def mend_dismissed(visit: Visit) -> None:
    """Takes out of tracks what a user said is no face; a track may be left empty."""
    _mend_all(visit, (DISMISSED,))


def mend_decisions(visit: Visit) -> None:
    """Removes what is said about nobody, and about tracks and people that were just removed."""
    _mend_all(visit, DECISIONS)


def _mend_all(visit: Visit, repairs: tuple[Repair, ...]) -> None:
    for repair in repairs:
        if is_damaged(visit, repair):
            with visit.changes() as session:
                mend(visit, session, repair)
