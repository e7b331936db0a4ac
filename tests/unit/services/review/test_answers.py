"""What answers do, and that nobody is asked twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from app.domain import Answer, RuleKind
from app.errors import ConflictError, GoneError, NotFoundError
from app.models import Face, LinkRule, Person, PersonEvent, Track
from app.services.context import Context
from app.services.review import answer_question, make_questions, next_questions, review_counts, undo_answer
from app.storage import faces as face_rows
from app.storage.journal import Journal, undo
from tests.alike import Crowd, alike, stranger

ADA = stranger(1)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What answers do does not hang on the database; test_asking answers on both."""
    return sqlite_url


def open_ids(context: Context) -> list[int]:
    return [one.id for one in next_questions(context, limit=100).questions]


def whose(context: Context, person: int) -> int:
    with context.database.session() as session:
        return session.scalar(select(func.count(Face.id)).where(Face.person_id == person)) or 0


def rules(context: Context) -> list[tuple[RuleKind, int | None, int | None, int | None]]:
    with context.database.session() as session:
        found = session.scalars(select(LinkRule)).all()
        return [(rule.kind, rule.track_id, rule.person_id, rule.other_person_id) for rule in found]


def asked_again(context: Context) -> list[int]:
    """Open questions, after they were made anew."""
    make_questions(context)
    return open_ids(context)


@pytest.fixture
def two(context: Context, crowd: Crowd) -> tuple[int, int]:
    """Ada, with three faces, and somebody who resembles her, with five."""
    return crowd.person(ADA, 3, name="Ada"), crowd.person(alike(ADA, 0.6), 5)


def test_same_joins_them_under_the_name(context: Context, two: tuple[int, int]) -> None:
    (question,) = open_ids(context)
    effect = answer_question(context, question, Answer.SAME)
    assert (effect.summary, effect.faces, effect.person_id) == ("5 faces joined Ada.", 5, two[0])
    assert whose(context, two[0]) == 8
    with context.database.session() as session:
        assert session.get(Person, two[1]) is None
        assert all(session.scalars(select(Track.confirmed))), "the next grouping keeps them together"
    assert asked_again(context) == []


def test_different_keeps_them_apart(context: Context, two: tuple[int, int]) -> None:
    (question,) = open_ids(context)
    effect = answer_question(context, question, Answer.DIFFERENT)
    assert (effect.summary, effect.faces) == (f"Ada and Person {two[1]} stay apart.", 0)
    assert rules(context) == [(RuleKind.DIFFERENT, None, *two)]
    assert asked_again(context) == []


def test_skip_changes_nothing_and_is_not_asked_again(context: Context, two: tuple[int, int]) -> None:
    (question,) = open_ids(context)
    effect = answer_question(context, question, Answer.SKIP)
    assert (effect.event_id, rules(context)) == (None, [])
    assert asked_again(context) == []


@pytest.mark.parametrize("answer", list(Answer))
def test_an_answer_taken_back_opens_the_question(context: Context, two: tuple[int, int], answer: Answer) -> None:
    (question,) = open_ids(context)
    answer_question(context, question, answer)
    effect = undo_answer(context, question)
    assert effect.answer is None
    assert open_ids(context) == [question]
    assert (whose(context, two[0]), whose(context, two[1]), rules(context)) == (3, 5, [])
    assert asked_again(context) == [question]
    answer_question(context, question, Answer.DIFFERENT)
    assert open_ids(context) == []


def test_undoing_the_event_opens_the_question_and_redoing_closes_it(context: Context, two: tuple[int, int]) -> None:
    (question,) = open_ids(context)
    event = answer_question(context, question, Answer.DIFFERENT).event_id
    undone = take_back(context, event)
    assert open_ids(context) == [question]
    take_back(context, undone)
    assert open_ids(context) == []


def take_back(context: Context, event: int | None) -> int:
    with context.database.write() as session:
        done = undo(session, session.get_one(PersonEvent, event)).event
        assert done is not None
        return done.id


def test_a_waiting_track_joins_for_good(context: Context, crowd: Crowd) -> None:
    ada, video = crowd.person(ADA, name="Ada"), crowd.library.video()
    track = crowd.track(alike(ADA, 0.9), None, video, 1.0, 2.0)
    (question,) = open_ids(context)
    effect = answer_question(context, question, Answer.SAME)
    assert effect.summary == "2 faces joined Ada."
    with context.database.session() as session:
        row = session.get_one(Track, track)
        assert (row.person_id, row.confirmed) == (ada, True)
    assert whose(context, ada) == 3
    undo_answer(context, question)
    assert whose(context, ada) == 1
    effect = answer_question(context, question, Answer.DIFFERENT)
    assert effect.summary == "2 faces are not Ada."
    assert rules(context) == [(RuleKind.DIFFERENT, track, ada, None)]
    assert asked_again(context) == []


def merge(context: Context, keeper: int, gone: int) -> None:
    """As a user does it elsewhere."""
    with context.database.write() as session:
        journal = Journal(session, "merge", "Merged")
        tracks = session.scalars(select(Track.id).where(Track.person_id == gone)).all()
        journal.set_many(Track, "person_id", dict.fromkeys(tracks, keeper))
        journal.remove(session.get_one(Person, gone))
        journal.close()
        face_rows.follow_tracks(session)


@pytest.mark.parametrize("answer", [Answer.SKIP, Answer.DIFFERENT])
def test_nobody_is_asked_again_after_one_of_them_was_merged(
    context: Context, crowd: Crowd, two: tuple[int, int], answer: Answer
) -> None:
    (question,) = open_ids(context)
    answer_question(context, question, answer)
    friend = crowd.person(alike(ADA, 0.58, seed=4), 9)
    merge(context, friend, two[1])
    assert asked_again(context) == []


def test_rules_go_over_to_whoever_goes_on(context: Context, crowd: Crowd, two: tuple[int, int]) -> None:
    (question,) = open_ids(context)
    answer_question(context, question, Answer.DIFFERENT)
    crowd.person(alike(alike(ADA, 0.6), 0.9, seed=9), 9, name="Eve")
    make_questions(context)
    joined = [one for one in next_questions(context, limit=9).questions if one.similarity > 80]
    effect = answer_question(context, joined[0].id, Answer.SAME)
    assert effect.summary == "5 faces joined Eve."
    assert (RuleKind.DIFFERENT, None, two[0], effect.person_id) in rules(context)


@pytest.mark.parametrize("change", ["gone", "hidden", "merged"])
def test_a_question_without_a_meaning_is_not_answered(context: Context, two: tuple[int, int], change: str) -> None:
    (question,) = open_ids(context)
    changes: dict[str, Callable[[], None]] = {
        "gone": lambda: remove(context, two[0]),
        "hidden": lambda: hide(context, two[0]),
        "merged": lambda: merge(context, two[0], two[1]),
    }
    changes[change]()
    with pytest.raises(GoneError):
        answer_question(context, question, Answer.SAME)


def remove(context: Context, person: int) -> None:
    with context.database.write() as session:
        session.delete(session.get_one(Person, person))


def hide(context: Context, person: int) -> None:
    with context.database.write() as session:
        session.get_one(Person, person).hidden = True


def test_answers_are_given_once(context: Context, two: tuple[int, int]) -> None:
    (question,) = open_ids(context)
    with pytest.raises(ConflictError):
        undo_answer(context, question)
    answer_question(context, question, Answer.SKIP)
    with pytest.raises(ConflictError):
        answer_question(context, question, Answer.SAME)
    for ask in (lambda: answer_question(context, 99, Answer.SAME), lambda: undo_answer(context, 99)):
        with pytest.raises(NotFoundError):
            ask()


def test_counts(context: Context, crowd: Crowd, two: tuple[int, int]) -> None:
    face = stranger(5)
    crowd.person(face)
    crowd.person(alike(face, 0.5))
    first, _ = open_ids(context)
    answer_question(context, first, Answer.SAME)
    counts = review_counts(context)
    assert (counts.open, counts.faces) == (1, pytest.approx(0.5, abs=0.01))
    assert counts.answered == {Answer.SAME: 1, Answer.DIFFERENT: 0, Answer.SKIP: 0}
