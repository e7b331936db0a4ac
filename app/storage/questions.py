"""Questions of the review: filed, asked in order of their value, answered once.

An answer whose event was taken back does not count: the question is open again, and closed once more where the taking
back is taken back. Nothing has to be written for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from app.domain import Answer
from app.models import ClusteringRun, Face, PersonEvent, ReviewQuestion, Video, utc_now
from app.storage.rows import batches, run

_UNDONE = (
    select(PersonEvent.id)
    .where(PersonEvent.id == ReviewQuestion.event_id, PersonEvent.undone_at.is_not(None))
    .correlate(ReviewQuestion)
    .exists()
)
IS_OPEN: ColumnElement[bool] = or_(ReviewQuestion.answer.is_(None), _UNDONE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question that could be asked: are these two one person?

    Attributes:
        person_id: A person; of two people the one with the lower id.
        other_person_id: The other person, ``None`` where the other one is a track.
        track_id: A track that is nobody's, or ``None``.
        face_id: A face of the person to show.
        other_face_id: A face of the other person, or of the track.
        similarity: 0..100.
        value: Expected number of faces that an answer puts right.
    """

    person_id: int
    other_person_id: int | None
    track_id: int | None
    face_id: int | None
    other_face_id: int | None
    similarity: float
    value: float

    @property
    def pair(self) -> str:
        """The two, in a form that is the same for both orders."""
        if self.track_id is not None:
            return pair_of_track(self.track_id, self.person_id)
        return pair_of_people(self.person_id, self.other_person_id or 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """An answered question, and whose the faces are by now that were shown with it.

    Attributes:
        person_id: The person it was about.
        other_person_id: The other person, or ``None``.
        track_id: The track, or ``None``.
        now: Whose the first face is, ``None`` for nobody.
        other_now: Whose the other face is.
    """

    person_id: int | None
    other_person_id: int | None
    track_id: int | None
    now: int | None
    other_now: int | None


def pair_of_people(one: int, other: int) -> str:
    """Two people, in a form that is the same for both orders."""
    return f"p{min(one, other)}-p{max(one, other)}"


def pair_of_track(track: int, person: int) -> str:
    """A track and a person."""
    return f"t{track}-p{person}"


def replace_open(session: Session, candidates: Sequence[Candidate]) -> int:
    """Makes these the open questions; those that stay keep their ids, and answered ones are left alone.

    Args:
        session: A writing session.
        candidates: Each pair once.

    Returns:
        How many are open.
    """
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(ReviewQuestion)
    names = ("person_id", "other_person_id", "face_id", "other_face_id", "similarity", "value", "created_at")
    statement = statement.on_conflict_do_update(
        index_elements=[ReviewQuestion.pair], set_={name: statement.excluded[name] for name in names}, where=IS_OPEN
    )
    now = utc_now()
    fields = ("pair", "person_id", "other_person_id", "track_id", "face_id", "other_face_id", "similarity", "value")
    rows = [{**{name: getattr(one, name) for name in fields}, "created_at": now} for one in candidates]
    for part in batches(rows):
        run(session, statement, list(part))
    run(session, delete(ReviewQuestion).where(ReviewQuestion.answer.is_(None), ReviewQuestion.created_at < now))
    return count_open(session)


def open_questions(
    session: Session, *, limit: int, offset: int = 0, person_id: int | None = None
) -> list[ReviewQuestion]:
    """Open questions, the most valuable first."""
    query = select(ReviewQuestion).where(IS_OPEN)
    if person_id is not None:
        query = query.where(or_(ReviewQuestion.person_id == person_id, ReviewQuestion.other_person_id == person_id))
    order = (ReviewQuestion.value.desc(), ReviewQuestion.id)
    return list(session.scalars(query.order_by(*order).limit(limit).offset(offset)))


def get(session: Session, question_id: int) -> ReviewQuestion | None:
    """The question, fresh from the database, or ``None``."""
    return session.get(ReviewQuestion, question_id, populate_existing=True)


def is_open(session: Session, question: ReviewQuestion) -> bool:
    """Whether nobody has answered it, or the answer was taken back."""
    return session.scalar(select(ReviewQuestion.id).where(ReviewQuestion.id == question.id, IS_OPEN)) is not None


def close(session: Session, question: ReviewQuestion, answer: Answer, event_id: int | None) -> None:
    """Notes an answer and the event that it led to."""
    question.answer, question.answered_at, question.event_id = answer, utc_now(), event_id
    session.flush()


def reopen(session: Session, question: ReviewQuestion) -> None:
    """Forgets an answer."""
    question.answer = question.answered_at = question.event_id = None
    session.flush()


def forget(session: Session, ids: Iterable[int]) -> None:
    """Deletes questions that are open and need no answer any more."""
    for part in batches(sorted(ids)):
        run(session, delete(ReviewQuestion).where(ReviewQuestion.id.in_(part), IS_OPEN))


def count_open(session: Session) -> int:
    """How many questions are open."""
    return session.scalar(select(func.count(ReviewQuestion.id)).where(IS_OPEN)) or 0


def open_sum(session: Session) -> tuple[int, float]:
    """How many questions are open, and how many faces answers to all of them would put right."""
    number, value = session.execute(
        select(func.count(ReviewQuestion.id), func.sum(ReviewQuestion.value)).where(IS_OPEN)
    ).one()
    return number, float(value or 0.0)


def counts(session: Session) -> dict[Answer, int]:
    """How many questions were answered how."""
    query = select(ReviewQuestion.answer, func.count()).where(~IS_OPEN).group_by(ReviewQuestion.answer)
    found = {answer: number for answer, number in session.execute(query).all() if answer is not None}
    return {answer: found.get(answer, 0) for answer in Answer}


def asked(session: Session) -> list[Asked]:
    """Every answered question, with whom its faces belong to now: people are merged, split and made anew."""
    one, other = aliased(Face), aliased(Face)
    query = (
        select(
            ReviewQuestion.person_id,
            ReviewQuestion.other_person_id,
            ReviewQuestion.track_id,
            one.person_id,
            other.person_id,
        )
        .outerjoin(one, one.id == ReviewQuestion.face_id)
        .outerjoin(other, other.id == ReviewQuestion.other_face_id)
        .where(~IS_OPEN)
    )
    return [Asked(*row) for row in session.execute(query)]


def outdated(session: Session) -> bool:
    """Whether a video or a grouping was finished since the open questions were made, or there are none."""
    made = session.scalar(select(func.max(ReviewQuestion.created_at)).where(IS_OPEN))
    if made is None:
        return True
    news = (
        session.scalar(select(func.max(Video.processed_at))),
        session.scalar(select(func.max(ClusteringRun.ended_at))),
    )
    return any(moment is not None and moment > made for moment in news)
