from __future__ import annotations

import io

from flask.testing import FlaskClient

from app.models import Batch, Job
from app.services.context import Context
from tests.videos import tiny_video

HOOK = "https://example.org/hook"


def test_every_way_in_takes_an_address(client: FlaskClient, context: Context) -> None:
    upload = {"file": (io.BytesIO(tiny_video()), "a.mp4"), "webhook_url": HOOK}
    asked = {
        "/api/upload_video": {"data": upload},
        "/api/process_url": {"json": {"url": "https://example.org/a.mp4", "webhook_url": HOOK}},
        "/api/exports": {"json": {"format": "csv", "webhook_url": HOOK}},
    }
    for path, request in asked.items():
        body = client.post(path, **request).get_json()
        with context.database.session() as session:
            assert session.get_one(Job, body["job_id"]).params["webhook_url"] == HOOK, path
    links = {"urls": ["https://example.org/b.mp4", "https://example.org/c.mp4"], "webhook_url": HOOK}
    body = client.post("/api/process_urls", json=links).get_json()
    with context.database.session() as session:
        assert session.get_one(Batch, body["batch_id"]).webhook_url == HOOK


def test_what_is_no_address_is_refused(client: FlaskClient) -> None:
    for wrong in ("file:///etc/passwd", "ftp://example.org", "http://user:word@example.org/"):
        body = {"url": "https://example.org/a.mp4", "webhook_url": wrong}
        response = client.post("/api/process_url", json=body)
        assert response.status_code == 400
        assert response.get_json()["error"]["message"].startswith("webhook_url: ")
