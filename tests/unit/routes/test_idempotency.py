from __future__ import annotations

import io
import threading

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from app.models import IdempotencyKey
from app.services import idempotency
from app.services.context import Context
from app.services.owners import current_owner
from app.storage import idempotency as rows
from tests.library import Library, ago
from tests.videos import tiny_video

URL = {"url": "https://example.org/clip.mp4"}
KEY = {"Idempotency-Key": "3f1c-7"}


def jobs(client: FlaskClient) -> int:
    total: int = client.get("/api/jobs").get_json()["total"]
    return total


def test_the_same_request_is_done_once(client: FlaskClient) -> None:
    first = client.post("/api/process_url", json=URL, headers=KEY)
    again = client.post("/api/process_url", json=URL, headers=KEY)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.get_json() == first.get_json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert jobs(client) == 1
    client.post("/api/process_url", json=URL, headers={"Idempotency-Key": "another"})
    client.post("/api/process_url", json=URL)
    assert jobs(client) == 3


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/api/process_url", {"url": "https://example.org/other.mp4"}, id="body"),
        pytest.param("/api/process_urls", URL, id="address"),
        pytest.param("/api/process_url?x=1", URL, id="query"),
    ],
)
def test_another_request_under_the_same_key(client: FlaskClient, path: str, body: dict[str, str]) -> None:
    client.post("/api/process_url", json=URL, headers=KEY)
    response = client.post(path, json=body, headers=KEY)
    assert (response.status_code, response.get_json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert jobs(client) == 1


def test_a_request_that_is_being_worked_on(client: FlaskClient, context: Context) -> None:
    client.post("/api/process_url", json=URL, headers=KEY)
    with context.database.write() as session:
        row = session.get_one(IdempotencyKey, KEY["Idempotency-Key"])
        row.status, row.body = None, {"owner": current_owner()}
    response = client.post("/api/process_url", json=URL, headers=KEY)
    assert (response.status_code, response.get_json()["error"]["code"]) == (409, "conflict")
    with context.database.write() as session:
        row = session.get_one(IdempotencyKey, KEY["Idempotency-Key"])
        host, _, _ = current_owner().partition(":")
        row.body = {"owner": f"{host}:999999999:1"}  # a server that was killed while it worked on it
    assert client.post("/api/process_url", json=URL, headers=KEY).status_code == 202
    assert jobs(client) == 2


def test_after_a_failure_the_key_is_free(client: FlaskClient) -> None:
    for body, status in (({"url": "ftp://no"}, 400), ({}, 422), (URL, 202)):
        assert client.post("/api/process_url", json=body, headers=KEY).status_code == status


def test_forms(client: FlaskClient) -> None:
    assert client.post("/api/process_url", data=URL, headers=KEY).status_code == 202
    assert client.post("/api/process_url", data=URL, headers=KEY).headers["Idempotency-Replayed"] == "true"


def test_uploads_are_told_apart_by_their_length(client: FlaskClient) -> None:
    film = tiny_video()

    def upload(data: bytes, boundary: str) -> TestResponse:
        values = {"file": FileStorage(io.BytesIO(data), "clip.mp4")}
        _, body = encode_multipart(values, boundary)
        kind = f"multipart/form-data; boundary={boundary}"
        return client.post("/api/upload_video", data=body, content_type=kind, headers=KEY)

    first, again, other = upload(film, "one"), upload(film, "two"), upload(film + b"x", "one")
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert again.get_json() == first.get_json()
    assert jobs(client) == 1


def test_actions_have_keys_too(client: FlaskClient, library: Library) -> None:
    job = library.job(library.video(state=None))
    first = client.post(f"/api/jobs/{job}/pause", headers=KEY)
    client.post(f"/api/jobs/{job}/resume")
    again = client.post(f"/api/jobs/{job}/pause", headers=KEY)
    assert again.get_json() == first.get_json()
    assert client.get(f"/api/jobs/{job}").get_json()["status"] == "queued", "the second one did nothing"


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256])
def test_what_is_no_key(client: FlaskClient, key: str) -> None:
    assert client.post("/api/process_url", json=URL, headers={"Idempotency-Key": key}).status_code == 400


def test_gets_do_not_care(client: FlaskClient) -> None:
    for _ in range(2):
        response = client.get("/api/jobs", headers=KEY)
        assert (response.status_code, "Idempotency-Replayed" in response.headers) == (200, False)


def test_of_many_at_once_one_works(app: Flask, client: FlaskClient) -> None:
    together = threading.Barrier(8)
    statuses: list[int] = []

    def ask() -> None:
        mine = app.test_client()
        together.wait(30)
        statuses.append(mine.post("/api/process_url", json=URL, headers=KEY).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(statuses) == 8
    assert set(statuses) <= {202, 409}
    assert jobs(client) == 1


def test_keys_are_forgotten_after_a_day(client: FlaskClient, context: Context) -> None:
    with context.database.write() as session:
        for key, hours in (("old", 25), ("young", 23)):
            rows.add(session, key, "0" * 64, current_owner())
            session.get_one(IdempotencyKey, key).created_at = ago(hours=hours)
    assert idempotency.expire(context) == 1
    with context.database.session() as session:
        assert rows.get(session, "old") is None
        assert rows.get(session, "young") is not None


def test_an_old_key_is_free_also_before_it_is_forgotten(client: FlaskClient, context: Context) -> None:
    client.post("/api/process_url", json=URL, headers=KEY)
    with context.database.write() as session:
        session.get_one(IdempotencyKey, KEY["Idempotency-Key"]).created_at = ago(hours=25)
    assert client.post("/api/process_url", json={"url": "https://example.org/b"}, headers=KEY).status_code == 202
