from __future__ import annotations

import pytest

from app.domain import Answer, RuleKind
from app.errors import NotFoundError
from app.models import LinkRule, Person
from app.services.context import Context
from app.services.relations import lookalikes
from app.services.review import answer_question, next_questions
from tests.alike import Crowd, alike, stranger

ADA = stranger(1)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked of the database here is asked of both by the tests of the review."""
    return sqlite_url


def like(context: Context, person: int, **options: object) -> list[tuple[int, float, str | None]]:
    return [(one.person.id, round(one.similarity), one.known) for one in lookalikes(context, person, **options)]


def test_the_most_alike_come_first_without_themselves(context: Context, crowd: Crowd) -> None:
    ada = crowd.person(ADA, 2)
    near, nearer, far = (crowd.person(alike(ADA, s, seed)) for seed, s in enumerate((0.4, 0.7, 0.01)))
    assert like(context, ada) == [(nearer, 70, None), (near, 40, None), (far, 1, None)]
    assert like(context, ada, limit=1) == [(nearer, 70, None)]
    assert like(context, ada, min_similarity=50) == [(nearer, 70, None)]


def test_what_is_known_of_the_two_is_told(context: Context, crowd: Crowd) -> None:
    video = crowd.library.video()
    ada = crowd.person(ADA, video=video)
    others = [crowd.person(alike(ADA, 0.9 - 0.1 * seed, seed), video=video) for seed in range(5)]
    crowd.track(ADA, ada, video, 5.0)
    crowd.track(alike(ADA, 0.9), others[0], video, 5.0)
    first = next_questions(context, person_id=ada).questions[0]
    answer_question(context, first.id, Answer.SKIP)
    with context.database.write() as session:
        session.add(LinkRule(kind=RuleKind.DIFFERENT, person_id=ada, other_person_id=others[2]))
        session.get_one(Person, others[3]).hidden = True
    assert like(context, ada) == [
        (others[0], 90, "seen_together"),
        (others[1], 80, "asked"),
        (others[2], 70, "different"),
        (others[4], 50, None),
    ]


def test_the_means_follow_the_library(context: Context, crowd: Crowd) -> None:
    ada, eve = crowd.person(ADA), crowd.person(alike(ADA, 0.7))
    assert like(context, ada) == [(eve, 70, None)]
    new = crowd.person(alike(ADA, 0.9, 3))
    assert like(context, ada) == [(new, 90, None), (eve, 70, None)]


def test_nobody(context: Context, crowd: Crowd) -> None:
    assert lookalikes(context, crowd.library.person()) == []
    with pytest.raises(NotFoundError):
        lookalikes(context, 99)
