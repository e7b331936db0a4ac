"""Which questions are asked, and in which order."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, func, select

from app.domain import Answer, RuleKind
from app.models import LinkRule, Person, ReviewQuestion
from app.services.context import Context
from app.services.grouping import request_clustering
from app.services.jobs import Outcome, run_job
from app.services.review import answer_question, make_questions, next_questions, undo_answer
from tests.alike import Crowd, alike, stranger

ADA = stranger(1)


def pairs(context: Context, **options: object) -> list[tuple[int | None, int | None]]:
    """The two of each question: people, or the person and minus the track."""
    return [
        (
            one.one.person and one.one.person.id,
            one.other.person.id if one.other.person else -(one.other.face.track_id or 0),
        )
        for one in next_questions(context, limit=100, **options).questions
    ]


def test_nothing_to_ask(context: Context, crowd: Crowd) -> None:
    crowd.person(ADA)
    crowd.person(stranger(2))
    found = next_questions(context)
    assert (found.questions, found.open, found.faces) == ([], 0, 0.0)


def test_a_library_without_faces_asks_nothing(context: Context) -> None:
    assert next_questions(context).questions == []


def test_a_question_shows_both(context: Context, crowd: Crowd) -> None:
    one = crowd.person(ADA, 3, name="Ada")
    two = crowd.person(alike(ADA, 0.4), 5)
    found = next_questions(context)
    (question,) = found.questions
    assert question.similarity == pytest.approx(40, abs=0.5)
    assert question.value == pytest.approx(2.0, abs=0.05), "all five faces of the one without a name"
    assert (found.open, found.faces) == (1, pytest.approx(question.value))
    left, right = question.one, question.other
    assert left.person and right.person
    assert (left.person.id, left.person.label, left.person.face_count, left.person.video_count) == (one, "Ada", 3, 1)
    assert (right.person.id, right.person.label, right.person.track_count) == (two, f"Person {two}", 5)
    assert left.face.crop_key.endswith(".jpg")
    assert left.face.video_title == "Launch day"
    assert left.face.timestamp > 0


def test_the_most_valuable_question_comes_first(context: Context, crowd: Crowd) -> None:
    faces = [stranger(seed) for seed in range(3)]
    small = [crowd.person(faces[0], 2), crowd.person(alike(faces[0], 0.8), 2)]  # 1.6
    named = [crowd.person(faces[1], 2, name="Ada"), crowd.person(alike(faces[1], 0.4), 9)]  # 3.6
    person, video = crowd.person(faces[2], 1), crowd.library.video()
    track = crowd.track(alike(faces[2], 0.9), None, video, *range(5))  # 3.4, for a mean of five says less
    assert pairs(context) == [tuple(named), (person, -track), tuple(small)]


def test_pairs_far_from_the_threshold_are_not_asked(context: Context, crowd: Crowd) -> None:
    crowd.person(ADA, 50)
    crowd.person(alike(ADA, 0.05), 50)
    assert pairs(context) == []


def test_nobody_is_asked_about_people_who_are_not_shown(context: Context, crowd: Crowd) -> None:
    one = crowd.person(ADA)
    crowd.person(alike(ADA, 0.6))
    for field in ("hidden", "ignored"):
        make_questions(context)
        assert len(pairs(context)) == 1
        change(context, one, field, True)
        assert pairs(context) == [], "also where the question was there before"
        make_questions(context)
        assert pairs(context) == []
        change(context, one, field, False)


def change(context: Context, person: int, field: str, value: bool) -> None:
    with context.database.write() as session:
        setattr(session.get_one(Person, person), field, value)


def test_people_seen_in_one_frame_are_never_asked_about(context: Context, crowd: Crowd) -> None:
    video = crowd.library.video()
    one, two = crowd.person(ADA, video=video), crowd.person(alike(ADA, 0.6), video=video)
    track = crowd.track(alike(ADA, 0.7, seed=2), None, video)
    assert sorted(pairs(context)) == [(one, -track), (one, two)]
    crowd.track(ADA, one, video, 5.0)
    crowd.track(ADA, two, video, 5.0)
    assert pairs(context) == [(one, -track)]


def test_a_track_seen_beside_somebody_is_not_asked_about(context: Context, crowd: Crowd) -> None:
    video = crowd.library.video()
    one = crowd.person(ADA)
    crowd.track(ADA, one, video, 5.0)
    crowd.track(alike(ADA, 0.7), None, video, 4.0, 5.0, 6.0)
    make_questions(context)
    assert pairs(context) == []


def test_what_rules_say_is_not_asked(context: Context, crowd: Crowd) -> None:
    people = [crowd.library.person() for _ in range(2)]
    tracks = [
        crowd.track(face, person, crowd.library.video())
        for face, person in zip((ADA, alike(ADA, 0.6)), people, strict=True)
    ]
    for rule in (
        {"person_id": people[0], "other_person_id": people[1]},
        {"track_id": tracks[0], "person_id": people[1]},
        {"track_id": tracks[1], "person_id": people[0]},
        {"track_id": tracks[0], "other_track_id": tracks[1]},
        {"track_id": tracks[0], "other_track_id": tracks[1], "kind": RuleKind.SAME},
    ):
        make_questions(context)
        assert len(pairs(context)) == 1
        with context.database.write() as session:
            session.add(LinkRule(**{"kind": RuleKind.DIFFERENT, **rule}))
        assert pairs(context) == [], "also where the question was there before"
        make_questions(context)
        assert pairs(context) == []
        with context.database.write() as session:
            session.execute(delete(LinkRule))


def test_what_rules_say_of_waiting_tracks_is_not_asked(context: Context, crowd: Crowd) -> None:
    video = crowd.library.video()
    one = crowd.person(ADA)
    track = crowd.track(alike(ADA, 0.6), None, video)
    with context.database.write() as session:
        session.add(LinkRule(kind=RuleKind.DIFFERENT, track_id=track, person_id=one))
    assert pairs(context) == []


def test_only_questions_about_somebody(context: Context, crowd: Crowd) -> None:
    one, two = crowd.person(ADA), crowd.person(alike(ADA, 0.6))
    other = stranger(7)
    crowd.person(other)
    crowd.person(alike(other, 0.9))
    assert pairs(context, person_id=two) == [(one, two)]


def test_questions_keep_their_ids_when_they_are_made_again(context: Context, crowd: Crowd) -> None:
    crowd.person(ADA)
    two = crowd.person(alike(ADA, 0.6))
    before = next_questions(context).questions[0]
    crowd.track(alike(ADA, 0.6), two, crowd.library.video())
    gone = crowd.person(alike(ADA, 0.8, seed=3))
    make_questions(context)
    with context.database.write() as session:
        session.get_one(Person, gone).hidden = True
    make_questions(context)
    assert [one.id for one in next_questions(context, limit=9).questions] == [before.id]
    with context.database.session() as session:
        assert session.scalar(select(func.count(ReviewQuestion.id))) == 1


def test_new_videos_lead_to_new_questions_by_themselves(context: Context, crowd: Crowd) -> None:
    one = crowd.person(ADA)
    assert pairs(context) == []
    two = crowd.person(alike(ADA, 0.6))
    assert pairs(context) == [(one, two)]


def test_questions_are_there_after_a_grouping(context: Context, crowd: Crowd) -> None:
    ada, bob = crowd.person(ADA, name="Ada"), crowd.person(alike(ADA, 0.3), name="Bob")
    assert run_job(context, request_clustering(context)) is Outcome.SUCCEEDED
    with context.database.session() as session:
        question = session.scalars(select(ReviewQuestion)).one()
        assert (question.person_id, question.other_person_id) == (ada, bob)


def test_answers_and_their_undoing_on_both_databases(context: Context, crowd: Crowd) -> None:
    crowd.person(ADA, 2, name="Ada")
    crowd.person(alike(ADA, 0.6), 3)
    crowd.track(alike(ADA, 0.9, seed=5), None, crowd.library.video(), 1.0)
    before = pairs(context)
    assert len(before) >= 2
    for answer in Answer:
        for question in next_questions(context, limit=1).questions:
            answer_question(context, question.id, answer)
            assert question.id not in [one.id for one in next_questions(context, limit=9).questions]
            undo_answer(context, question.id)
        assert pairs(context) == before
