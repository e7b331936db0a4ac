"""The API's edits of people: what it reads and answers, and that two who edit at once lose nothing."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.models import Face
from app.services.context import Context
from tests.library import Library


@pytest.fixture
def people(library: Library) -> tuple[int, int, list[int], list[int]]:
    """Ada and Bob, with the ids of their faces; Ada's are of two tracks."""
    video = library.video()
    ada, bob = library.person("Ada"), library.person("Bob")
    hers = [*library.track(video, ada, [1.0, 2.0]), *library.track(video, ada, [9.0])]
    return ada, bob, hers, library.track(video, bob, [20.0])


def track_of(context: Context, face: int) -> int:
    with context.database.session() as session:
        return session.get_one(Face, face).track_id or 0


def test_patch_changes_what_is_given_and_answers_with_the_person(client: FlaskClient, people: Any) -> None:
    ada, bob, hers, _ = people
    assert client.patch(f"/api/people/{bob}", json={"name": "ADA"}).get_json()["same_name"] == [ada]
    body = {"aliases": ["Countess"], "notes": "One\nTwo", "birth_date": "1815-12-10", "cover_face_id": hers[2]}
    answer = client.patch(f"/api/people/{ada}", json=body)
    person = answer.get_json()["person"]
    assert {name: person[name] for name in body} == body
    assert (person["name"], person["cover_chosen"], person["favourite"]) == ("Ada", True, False)
    assert answer.headers["ETag"] == f'"{person["revision"]}"'
    shown = client.get(f"/api/people/{ada}")
    assert shown.get_json()["person"] == person
    assert shown.headers["ETag"] == answer.headers["ETag"]


WRONG_FACTS: list[tuple[dict[str, Any], int]] = [
    ({}, 422),
    ({"nickname": "A"}, 422),
    ({"hidden": "perhaps"}, 422),
    ({"birth_date": "tomorrow"}, 400),
    ({"cover_face_id": 10**6}, 400),
    ({"aliases": ["x" * 201]}, 422),
    ({"notes": "a\x00b"}, 400),
]


def test_patch_refuses(client: FlaskClient, people: Any) -> None:
    for body, status in WRONG_FACTS:
        answer = client.patch(f"/api/people/{people[0]}", json=body)
        assert answer.status_code == status, body
        assert answer.get_json()["error"]["message"]


def test_hidden_and_ignored_people_are_left_out_unless_asked_for(client: FlaskClient, people: Any) -> None:
    ada, bob, *_ = people

    def listed(**query: str) -> list[int]:
        return [one["person_id"] for one in client.get("/api/people", query_string=query).get_json()["people"]]

    client.patch(f"/api/people/{ada}", json={"favourite": True})
    assert (listed(), listed(only="favourites"), listed(only="hidden")) == ([ada, bob], [ada], [])
    client.patch(f"/api/people/{ada}", json={"hidden": True})
    client.patch(f"/api/people/{bob}", json={"ignored": True})
    assert (listed(), listed(only="named"), listed(only="favourites")) == ([], [], [])
    assert (listed(only="hidden"), listed(only="ignored")) == ([ada], [bob])
    assert client.get("/api/clusters").get_json()["total_clusters"] == 0
    assert client.get("/api/video_info/1").get_json()["people"] == []
    assert client.get("/people").status_code == 200
    assert client.get("/people?only=hidden").status_code == 200
    assert client.get(f"/api/people/{ada}").status_code == 200, "still there for who knows them"


def test_people_are_found_by_their_names(client: FlaskClient, library: Library) -> None:
    jose, nobody = library.person("José Ñúñez"), library.person()
    client.patch(f"/api/people/{jose}", json={"aliases": ["ЖЕНЯ", "El Niño"]})

    def found(text: str) -> list[int]:
        return [one["person_id"] for one in client.get("/api/people", query_string={"q": text}).get_json()["people"]]

    assert [found(text) for text in ("jose", "NUÑEZ  José", "женя", "nino")] == [[jose]] * 4
    assert (found("el jose"), found("xyz"), found(f"person {nobody}")) == ([], [], [nobody])
    assert found(" ") == [jose, nobody]


def test_merge_split_and_undo(client: FlaskClient, context: Context, people: Any) -> None:
    ada, bob, _, his = people
    merged = client.post(f"/api/people/{ada}/merge", json={"person_ids": [bob]}).get_json()
    assert (merged["person"]["aliases"], merged["gone"], merged["changed"]) == (["Bob"], [bob], [ada])
    assert client.get(f"/api/people/{bob}").status_code == 404
    proposal = client.get(f"/api/people/{ada}/split")
    assert proposal.headers["ETag"] == f'"{merged["person"]["revision"]}"'
    assert sum(len(group["track_ids"]) for group in proposal.get_json()["groups"]) == 3
    groups = [{"track_ids": [track_of(context, his[0])], "name": "Robert"}]
    split = client.post(
        f"/api/people/{ada}/split", json={"groups": groups}, headers={"If-Match": proposal.headers["ETag"]}
    ).get_json()
    assert split["summary"] == "Split Robert from Ada"
    undone = client.post(split["undo_url"]).get_json()
    assert (undone["kept"], undone["undone"]) == (0, split["event_id"])
    assert client.post(split["undo_url"]).status_code == 409
    client.post(merged["undo_url"])
    assert client.get(f"/api/people/{bob}").get_json()["person"]["name"] == "Bob"
    kinds = [event["kind"] for event in client.get(f"/api/people/{bob}/history").get_json()["events"]]
    assert kinds == ["undo", "merge"]


def test_faces_are_moved_removed_confirmed_and_dismissed(client: FlaskClient, context: Context, people: Any) -> None:
    ada, bob, hers, his = people
    moved = client.post("/api/faces/move", json={"face_ids": [hers[0]], "person_id": bob})
    assert (moved.status_code, moved.get_json()["summary"]) == (200, "Moved 1 face to Bob")
    made = client.post("/api/people", json={"track_ids": [track_of(context, hers[2])], "name": "Eve"})
    assert (made.status_code, made.get_json()["person"]["name"]) == (201, "Eve")
    confirmed = client.post(f"/api/people/{ada}/confirm", json={"face_ids": [hers[1]]}).get_json()
    assert confirmed["summary"] == "Confirmed 1 face of Ada"
    removed = client.post("/api/faces/remove", json={"face_ids": his}).get_json()
    assert removed["person"]["face_count"] == 1
    dismissed = client.post("/api/faces/dismiss", json={"face_ids": his}).get_json()
    assert (dismissed["person"], dismissed["summary"]) == (None, "Said that 1 picture shows no face")
    info = client.get("/api/video_info/1").get_json()
    assert his[0] not in [face["face_id"] for face in info["faces"]]
    assert info["total_faces"] == 3
    assert client.post("/api/faces/move", json={"face_ids": his, "person_id": ada}).status_code == 409


WRONG_REQUESTS: list[tuple[str, str, Any, int]] = [
    ("post", "/api/people", {}, 400),
    ("post", "/api/people", {"face_ids": [10**6]}, 404),
    ("post", "/api/people/{ada}/merge", {"person_ids": ["{ada}"]}, 422),
    ("post", "/api/people/{ada}/merge", {"person_ids": []}, 422),
    ("post", "/api/people/{ada}/merge", {"person_ids": [10**6]}, 404),
    ("post", "/api/people/{ada}/different", {"person_ids": [1]}, 400),
    ("post", "/api/people/{ada}/split", {"groups": []}, 422),
    ("get", "/api/people/{ada}/split?strictness=9", None, 422),
    ("post", "/api/people/{ada}/confirm", {}, 400),
    ("post", "/api/people/999/confirm", {"face_ids": [1]}, 404),
    ("delete", "/api/people/999", None, 404),
    ("get", "/api/people/999/history", None, 404),
    ("post", "/api/faces/move", {"face_ids": [1]}, 422),
    ("post", "/api/faces/remove", {"face_ids": [0]}, 422),
    ("post", "/api/history/999/undo", None, 404),
    ("get", "/api/history/999", None, 404),
    ("get", "/api/history?cursor=x", None, 422),
]


def test_what_cannot_be_is_refused_in_words(client: FlaskClient, people: Any) -> None:
    for method, path, body, status in WRONG_REQUESTS:
        more = {"json": body} if body is not None else {}
        answer = getattr(client, method)(path.format(ada=people[0]), **more)
        assert answer.status_code == status, (method, path, body)
        assert answer.get_json()["error"]["message"].endswith(".")
    assert client.get("/api/history").get_json() == {"events": [], "next_cursor": None}


def test_a_deleted_person_comes_back(client: FlaskClient, people: Any) -> None:
    ada, _, hers, _ = people
    deleted = client.delete(f"/api/people/{ada}").get_json()
    assert (deleted["gone"], deleted["person"]) == ([ada], None)
    assert client.get("/api/clusters").get_json()["unassigned_faces"] == 3
    client.post(deleted["undo_url"])
    assert client.get(f"/api/people/{ada}").get_json()["person"]["face_count"] == len(hers)


def test_if_match(client: FlaskClient, people: Any) -> None:
    address = f"/api/people/{people[0]}"
    for tag, status in (
        ("*", 200),
        ('"{now}"', 200),
        ('"0", "{now}"', 200),
        ('"999"', 412),
        ('W/"{now}"', 412),
        ('"x"', 412),
    ):
        person = client.get(address).get_json()["person"]
        headers = {"If-Match": tag.format(now=person["revision"])}
        answer = client.patch(address, json={"favourite": not person["favourite"]}, headers=headers)
        assert answer.status_code == status, tag
        if status == 412:
            assert answer.get_json()["error"] == {
                "code": "outdated",
                "message": "Ada was changed meanwhile. Look at what is new, then try again.",
            }


def test_two_who_edit_at_once_lose_nothing(app: Flask, people: Any) -> None:
    """Both have seen the same person and send at the same moment: one is told, looks again, and nothing is lost."""
    ada = people[0]
    start = threading.Barrier(2)
    first: dict[str, int] = {}

    def edit(body: dict[str, Any]) -> None:
        client = app.test_client()
        seen = client.get(f"/api/people/{ada}").headers["ETag"]
        start.wait(10)
        answer: TestResponse = client.patch(f"/api/people/{ada}", json=body, headers={"If-Match": seen})
        first[next(iter(body))] = answer.status_code
        if answer.status_code == 412:
            seen = client.get(f"/api/people/{ada}").headers["ETag"]
            answer = client.patch(f"/api/people/{ada}", json=body, headers={"If-Match": seen})
        assert answer.status_code == 200

    threads = [
        threading.Thread(target=edit, args=(body,)) for body in ({"name": "Ada Lovelace"}, {"notes": "The first"})
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(first.values()) == [200, 412]
    person = app.test_client().get(f"/api/people/{ada}").get_json()["person"]
    assert (person["name"], person["notes"]) == ("Ada Lovelace", "The first")
