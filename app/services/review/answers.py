"""Answers to questions of the review, and taking them back."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.domain import Answer
from app.errors import ConflictError, GoneError, NotFoundError
from app.models import Person, PersonEvent, ReviewQuestion, Track
from app.services.context import Context
from app.services.review import joining
from app.services.review.asking import still_asked
from app.storage import faces as face_rows
from app.storage import people as people_rows
from app.storage import questions as question_rows
from app.storage.journal import Journal, undo
from app.storage.rows import serialize_findings


@dataclass(frozen=True, slots=True)
class Effect:
    """What an answer did.

    Attributes:
        question_id: The question.
        answer: The answer, ``None`` where it was taken back.
        summary: A sentence for people, such as ``12 faces joined Ada.``
        faces: How many faces changed hands.
        person_id: Who they are now, or ``None``.
        event_id: What to undo, ``None`` where nothing was changed.
    """

    question_id: int
    answer: Answer | None
    summary: str
    faces: int = 0
    person_id: int | None = None
    event_id: int | None = None


def answer_question(context: Context, question_id: int, answer: Answer) -> Effect:
    """Answers a question; what follows from it happens at once, and can be undone.

    Args:
        context: The context.
        question_id: The question.
        answer: ``same`` makes the two one person, ``different`` keeps them apart for ever, ``skip`` asks no more.

    Raises:
        NotFoundError: There is no such question.
        ConflictError: It has been answered.
        GoneError: It has no meaning any more: one of the two is gone, or something else has settled it.
    """
    with context.database.write() as session:
        serialize_findings(session)
        question = question_rows.get(session, question_id)
        if question is None:
            raise NotFoundError("There is no such question.")
        if not question_rows.is_open(session, question):
            raise ConflictError("This question has been answered already. Undo the answer to be asked again.")
        if question.id not in still_asked(session, [question]):
            raise GoneError("This question is settled: one of the two is gone, or is known to be somebody else.")
        effect = _apply(session, question, answer)
        question = session.get_one(ReviewQuestion, question_id, populate_existing=True)
        question_rows.close(session, question, answer, effect.event_id)
        return effect


def undo_answer(context: Context, question_id: int) -> Effect:
    """Takes an answer back; the question is open again.

    Raises:
        NotFoundError: There is no such question.
        ConflictError: It is open.
    """
    with context.database.write() as session:
        serialize_findings(session)
        question = question_rows.get(session, question_id)
        if question is None:
            raise NotFoundError("There is no such question.")
        if question_rows.is_open(session, question):
            raise ConflictError("This question is open: there is no answer to take back.")
        event = session.get(PersonEvent, question.event_id) if question.event_id is not None else None
        if event is None:
            question_rows.reopen(session, question)
            return Effect(question_id, None, "The question is open again.")
        done = undo(session, event)
        moved = _settle(session)
        kept = " Newer changes stay as they are." if done.kept else ""
        return Effect(question_id, None, f"Taken back; the question is open again.{kept}", moved, None, event.id)


def _apply(session: Session, question: ReviewQuestion, answer: Answer) -> Effect:
    if answer is Answer.SKIP:
        return Effect(question.id, answer, "Skipped. It will not be asked again.")
    person = session.get_one(Person, question.person_id, populate_existing=True)
    if question.track_id is not None:
        track = session.get_one(Track, question.track_id, populate_existing=True)
        return _about_track(session, question.id, answer, person, track)
    other = session.get_one(Person, question.other_person_id, populate_existing=True)
    return _about_people(session, question.id, answer, person, other)


def _about_people(session: Session, question: int, answer: Answer, one: Person, other: Person) -> Effect:
    if answer is Answer.DIFFERENT:
        journal = Journal(session, "different", f"{_label(one)} and {_label(other)} are two people")
        joining.keep_people_apart(journal, one, other)
        return _effect(journal, question, answer, 0, None, f"{journal.summary}.")
    keeper, gone = joining.keeper_first(session, one, other)
    journal = Journal(session, "merge", f"Merged {_label(gone)} into {_label(keeper)}")
    label, key = _label(keeper), keeper.id
    faces = joining.join_people(journal, keeper, gone)
    return _effect(journal, question, answer, faces, key, f"{_faces(faces)} joined {label}.")


def _about_track(session: Session, question: int, answer: Answer, person: Person, track: Track) -> Effect:
    label, key = _label(person), person.id
    if answer is Answer.DIFFERENT:
        journal = Journal(session, "different", f"{_faces(track.face_count)} are not {label}")
        joining.keep_track_apart(journal, person, track)
        return _effect(journal, question, answer, 0, None, f"Noted: {_faces(track.face_count)} are not {label}.")
    journal = Journal(session, "move", f"{_faces(track.face_count)} joined {label}")
    faces = joining.join_track(journal, person, track)
    return _effect(journal, question, answer, faces, key, f"{journal.summary}.")


def _effect(journal: Journal, question: int, answer: Answer, faces: int, person: int | None, summary: str) -> Effect:
    event = journal.close()
    _settle(journal.session)
    return Effect(question, answer, summary, faces, person, None if event is None else event.id)


def _settle(session: Session) -> int:
    """Lets faces and covers follow their tracks."""
    moved = face_rows.follow_tracks(session)
    people_rows.choose_covers(session)
    session.expire_all()
    return moved


def _label(person: Person) -> str:
    return person.name or f"Person {person.id}"


def _faces(number: int) -> str:
    return "1 face" if number == 1 else f"{number:,} faces"
