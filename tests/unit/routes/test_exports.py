from __future__ import annotations

import csv
import io

from flask.testing import FlaskClient

from app.domain import JobKind
from app.services import exports
from app.services.context import Context
from app.services.jobs import Outcome, run_job
from tests.library import Library, RecordingQueue


def fill(library: Library) -> None:
    library.track(library.video(), library.person("Ada"), [1.0, 2.0, 3.0])


def test_an_export_is_a_job(client: FlaskClient, library: Library, context: Context) -> None:
    fill(library)
    response = client.post("/api/exports", json={"format": "csv"})
    body = response.get_json()
    assert response.status_code == 202
    status = client.get(body["status_url"]).get_json()
    assert (status["kind"], status["queue"], status["status"]) == ("export", "export", "queued")
    assert client.get(body["file_url"]).status_code == 409, "it is not there yet"
    assert isinstance(context.queue, RecordingQueue)
    assert context.queue.sent == [(JobKind.EXPORT, body["job_id"])]
    assert run_job(context, body["job_id"]) is Outcome.SUCCEEDED
    status = client.get(body["status_url"]).get_json()
    assert [(step["name"], step["state"], step["total"]) for step in status["steps"]] == [
        ("waiting", "done", None),
        ("writing", "done", 3.0),
        ("done", "done", None),
    ]
    file = client.get(body["file_url"])
    assert file.status_code == 200
    assert file.headers["Content-Disposition"] == "attachment; filename=faces.csv"
    assert file.content_length == len(file.get_data())
    rows = list(csv.DictReader(io.StringIO(file.get_data(as_text=True))))
    assert [(row["name"], float(row["timestamp"])) for row in rows] == [("Ada", 1.0), ("Ada", 2.0), ("Ada", 3.0)]


def test_as_json_from_a_form(client: FlaskClient, library: Library, context: Context) -> None:
    fill(library)
    body = client.post("/api/exports", data={"format": "json"}).get_json()
    run_job(context, body["job_id"])
    file = client.get(body["file_url"])
    assert (file.mimetype, [row["name"] for row in file.get_json()]) == ("application/json", ["Ada"] * 3)


def test_refuses(client: FlaskClient, library: Library) -> None:
    for body in ({"format": "xml"}, {"what": "videos"}, {"formats": "csv"}):
        assert client.post("/api/exports", json=body).status_code == 422, body
    assert client.post("/api/exports", json={"webhook_url": "file:///etc/passwd"}).status_code == 400
    assert client.get("/api/exports/nothing").status_code == 404
    assert client.get(f"/api/exports/{library.job()}").status_code == 404, "a job, but no export"


def test_what_is_not_ready_says_why(client: FlaskClient) -> None:
    body = client.post("/api/exports", json={}).get_json()
    for action, words in (("pause", "is paused"), ("cancel", "was cancelled")):
        client.post(f"/api/jobs/{body['job_id']}/{action}")
        response = client.get(body["file_url"])
        assert response.status_code == 409
        assert words in response.get_json()["error"]["message"]


def test_deleted_after_a_week(client: FlaskClient, library: Library, context: Context, monkeypatch) -> None:
    body = client.post("/api/exports", json={}).get_json()
    run_job(context, body["job_id"])
    assert exports.expire(context) == 0
    monkeypatch.setattr(exports, "KEPT_DAYS", 0)
    assert exports.expire(context) == 1
    response = client.get(body["file_url"])
    assert response.status_code == 404
    assert "Start a new one" in response.get_json()["error"]["message"]
    assert list(context.blobs.list("exports")) == []
