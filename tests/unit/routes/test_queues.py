from __future__ import annotations

from flask.testing import FlaskClient

from app.domain import JobKind, JobState, QueueName
from tests.library import Library


def queues(client: FlaskClient) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in client.get("/api/queues").get_json()["queues"]}


def test_what_is_in_them(client: FlaskClient, library: Library) -> None:
    library.job(state=JobState.RUNNING, lease_token="somebody")
    whole = library.job(state=JobState.RUNNING)  # waits for its parts, and occupies nobody
    library.job(kind=JobKind.SEGMENT, parent_id=whole)
    library.job(kind=JobKind.FETCH_VIDEO, queue=QueueName.DOWNLOAD)
    library.job(kind=JobKind.FETCH_VIDEO, queue=QueueName.DOWNLOAD, state=JobState.PAUSED)
    found = queues(client)
    assert list(found) == ["download", "vision", "cluster", "export"]
    assert [(row["running"], row["waiting"]) for row in found.values()] == [(0, 1), (1, 1), (0, 0), (0, 0)]
    assert [row["concurrency"] for row in found.values()] == [2, None, 1, 1]
    assert not any(row["paused"] for row in found.values())


def test_pause_and_resume(client: FlaskClient) -> None:
    assert client.post("/api/queues/vision/pause").get_json()["paused"] is True
    assert [row["paused"] for row in queues(client).values()] == [False, True, False, False]
    assert client.post("/api/queues/vision/resume").get_json()["paused"] is False


def test_concurrency(client: FlaskClient) -> None:
    body = client.patch("/api/queues/download", json={"concurrency": 7}).get_json()
    assert (body["concurrency"], body["is_default"]) == (7, False)
    body = client.patch("/api/queues/download", json={"concurrency": None}).get_json()
    assert (body["concurrency"], body["is_default"]) == (2, True)
    for wrong in ({}, {"concurrency": 0}, {"concurrency": 257}, {"concurrency": "many"}, {"paused": True}):
        assert client.patch("/api/queues/download", json=wrong).status_code == 422, wrong


def test_no_such_queue(client: FlaskClient) -> None:
    assert client.post("/api/queues/secret/pause").status_code == 404
    assert client.post("/api/queues/secret/resume").status_code == 404
    assert client.patch("/api/queues/secret", json={"concurrency": 1}).status_code == 404
