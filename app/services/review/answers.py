"""Answers to questions of the review, and taking them back."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import Answer
from app.errors import ConflictError, GoneError, NotFoundError
from app.models import Person, PersonEvent, ReviewQuestion, Track
from app.services.context import Context
from app.services.people.editing import Edit, counted, finish, label
from app.services.people.joining import join_people
from app.services.people.ruling import give_way, keep_people_apart, keep_tracks_from
from app.services.review.asking import still_asked
from app.storage import people as people_rows
from app.storage import questions as question_rows
from app.storage.journal import Journal, undo
from app.storage.rows import serialize_findings

# Kinds of events, by answer and whether it is about two people; the same as those of the edits.
KINDS = {
    (Answer.SAME, True): "merge",
    (Answer.SAME, False): "move",
    (Answer.DIFFERENT, True): "different",
    (Answer.DIFFERENT, False): "different",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What an answer did.

    Attributes:
        question_id: The question.
        answer: The answer, ``None`` where it was taken back.
        summary: A sentence for people, such as ``12 faces joined Ada.``
        faces: How many faces joined somebody.
        person_id: Who they are now, or ``None``.
        event_id: What to undo to have it as it was, ``None`` where nothing was changed.
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
        question = _question(session, question_id)
        if not question_rows.is_open(session, question):
            raise ConflictError("This question has been answered already. Undo the answer to be asked again.")
        if question.id not in still_asked(session, [question]):
            raise GoneError("This question is settled: one of the two is gone, or is known to be somebody else.")
        if answer is Answer.SKIP:
            question_rows.close(session, question, answer, None)
            return Effect(question_id, answer, "Skipped. It will not be asked again.")
        edit = Edit(context, session, Journal(session, KINDS[answer, question.track_id is None], ""))
        person = edit.person(question.person_id or 0)
        if question.track_id is not None:
            faces = _answer_about_track(edit, answer, person, edit.tracks([question.track_id])[0])
        else:
            faces = _answer_about_people(edit, answer, person, edit.person(question.other_person_id or 0))
        finish(edit)
        done = edit.result
        question_rows.close(session, _question(session, question_id), answer, done.event_id)
        return Effect(question_id, answer, done.notes[0], faces, done.person_id, done.event_id)


def undo_answer(context: Context, question_id: int) -> Effect:
    """Takes an answer back; the question is open again.

    Raises:
        NotFoundError: There is no such question.
        ConflictError: It is open.
    """
    with context.database.write() as session:
        serialize_findings(session)
        question = _question(session, question_id)
        if question_rows.is_open(session, question):
            raise ConflictError("This question is open: there is no answer to take back.")
        event = session.get(PersonEvent, question.event_id) if question.event_id is not None else None
        if event is None:
            question_rows.reopen(session, question)
            return Effect(question_id, None, "The question is open again.")
        done = undo(session, event)
        people_rows.choose_covers(session, done.people)
        kept = " Newer changes stay as they are." if done.kept else ""
        undo_id = done.event.id if done.event is not None else None
        return Effect(question_id, None, f"Taken back; the question is open again.{kept}", event_id=undo_id)


def _question(session: Session, question_id: int) -> ReviewQuestion:
    found = question_rows.get(session, question_id)
    if found is None:
        raise NotFoundError("There is no such question.")
    return found


def _answer_about_people(edit: Edit, answer: Answer, one: Person, other: Person) -> int:
    """Joins two people or keeps them apart; returns how many faces joined."""
    result = edit.result
    if answer is Answer.DIFFERENT:
        keep_people_apart(edit.journal, (one.id, other.id))
        result.summary = f"Said that {label(one)} and {label(other)} are different people"
        result.notes = [f"{label(one)} and {label(other)} stay apart."]
        return 0
    keeper, gone = _keeper_first(edit.session, one, other)
    faces, name = _faces_of(edit.session, gone.id), label(keeper)
    result.summary, result.person_id = f"Merged {label(gone)} into {name}", keeper.id
    result.notes = [f"{counted(faces, 'face')} joined {name}."]
    join_people(edit.journal, keeper, [gone])
    return faces


def _answer_about_track(edit: Edit, answer: Answer, person: Person, track: Track) -> int:
    """Gives a track to a person or keeps it from them; returns how many faces joined."""
    result, faces, name = edit.result, counted(track.face_count, "face"), label(person)
    if answer is Answer.DIFFERENT:
        keep_tracks_from(edit.journal, [track.id], person.id)
        verb = "is" if track.face_count == 1 else "are"
        result.summary, result.notes = f"Said that {faces} {verb} not {name}", [f"{faces} {verb} not {name}."]
        return 0
    joined = track.face_count
    edit.journal.set_many(Track, "person_id", {track.id: person.id})
    edit.journal.set_many(Track, "confirmed", {track.id: True})
    give_way(edit.journal, [track.id], person.id)
    result.summary, result.person_id, result.notes = f"Moved {faces} to {name}", person.id, [f"{faces} joined {name}."]
    return joined


def _keeper_first(session: Session, one: Person, other: Person) -> tuple[Person, Person]:
    """Who goes on when two become one: who has a name, else something else that is known, else more faces."""

    def rank(person: Person) -> tuple[bool, bool, int, int]:
        known = person.favourite or person.cover_chosen or bool(person.notes or person.birth_date or person.aliases)
        return person.name is not None, known, _faces_of(session, person.id), -person.id

    return (one, other) if rank(one) >= rank(other) else (other, one)


def _faces_of(session: Session, person_id: int) -> int:
    return session.scalar(select(func.coalesce(func.sum(Track.face_count), 0)).where(Track.person_id == person_id)) or 0
