from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from app.services.context import Context
from app.services.review import make_questions
from tests.alike import Crowd, alike, stranger
from tests.library import Library

ADA = stranger(1)


@pytest.fixture
def crowd(library: Library) -> Crowd:
    return Crowd(library)


def test_a_question_tells_all_that_is_needed_to_answer_it(client: FlaskClient, crowd: Crowd) -> None:
    ada, other = crowd.person(ADA, 2, name="Ada"), crowd.person(alike(ADA, 0.6), 3)
    body = client.get("/api/review").get_json()
    assert (body["open"], body["expected_faces"]) == (1, 1.8)
    (question,) = body["questions"]
    assert (question["kind"], question["similarity"], question["value"]) == ("people", 60.0, 1.8)
    one, two = question["one"], question["other"]
    assert (one["person"]["person_id"], one["person"]["name"]) == (ada, "Ada")
    assert (two["person"]["person_id"], two["person"]["label"]) == (other, f"Person {other}")
    for side in (one, two):
        face = side["face"]
        assert face["video_title"] == "Launch day"
        assert face["timestamp"] > 0
        assert client.get(face["image_url"]).status_code == 200
        assert face["page_url"] == f"/videos/{face['video_id']}"


def test_an_answer_tells_its_effect_and_is_taken_back(client: FlaskClient, crowd: Crowd) -> None:
    ada = crowd.person(ADA, name="Ada")
    crowd.person(alike(ADA, 0.6), 3)
    (question,) = client.get("/api/review").get_json()["questions"]
    address = f"/api/review/{question['question_id']}"
    effect = client.post(address, json={"answer": "same"}).get_json()
    assert (effect["summary"], effect["faces"], effect["person_id"]) == ("3 faces joined Ada.", 3, ada)
    assert effect["event_id"]
    assert client.get("/api/review/stats").get_json() == {
        "open": 0,
        "expected_faces": 0.0,
        "answered": {"same": 1, "different": 0, "skip": 0},
    }
    assert client.post(address, json={"answer": "same"}).status_code == 409
    assert client.post(f"{address}/undo").get_json()["answer"] is None
    assert client.get("/api/review").get_json()["questions"] == [question]


def test_a_waiting_track(client: FlaskClient, crowd: Crowd) -> None:
    crowd.person(ADA)
    track = crowd.track(alike(ADA, 0.6), None, crowd.library.video())
    (question,) = client.get("/api/review").get_json()["questions"]
    assert (question["kind"], question["other"]["person"], question["other"]["track_id"]) == ("track", None, track)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/review/1", {"answer": "perhaps"}, 422),
        ("/api/review/1", {}, 422),
        ("/api/review/1", {"answer": "same"}, 404),
        ("/api/review/1/undo", {}, 404),
    ],
)
def test_what_is_refused(client: FlaskClient, path: str, body: dict[str, str], status: int) -> None:
    assert client.post(path, json=body).status_code == status


def test_the_number_of_statements_does_not_grow(client: FlaskClient, context: Context, crowd: Crowd) -> None:
    def statements() -> int:
        make_questions(context)
        counted: list[str] = []
        event.listen(context.database.engine, "before_cursor_execute", count := lambda *args: counted.append(args[2]))
        questions = client.get("/api/review?limit=100").get_json()["questions"]
        event.remove(context.database.engine, "before_cursor_execute", count)
        assert questions
        return len(counted)

    for seed in range(2):
        crowd.person(face := stranger(seed))
        crowd.person(alike(face, 0.6))
    few = statements()
    video = crowd.library.video()
    for seed in range(2, 12):
        crowd.person(face := stranger(seed), video=video)
        crowd.track(alike(face, 0.6), None, video)
    assert statements() == few + 1, "one more statement for all the tracks"
