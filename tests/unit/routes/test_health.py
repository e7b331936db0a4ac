from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import __version__
from app.errors import ConfigError
from app.factory import create_app
from app.services import limits
from app.services.context import Context
from app.services.models import choose
from app.services.presence import WorkerPresence
from app.storage.database import Database
from tests.buckets import Service
from tests.library import make_context


def test_health(client: FlaskClient) -> None:
    response = client.get("/health")
    assert response.get_json() == {"status": "ok", "version": __version__}


def test_ready_once_a_worker_is_there(client: FlaskClient, context: Context) -> None:
    before = client.get("/ready")
    assert before.status_code == 503
    checks = before.get_json()["checks"]
    assert {name: check["ok"] for name, check in checks.items()} == {
        "database": True,
        "worker": False,
        "model": True,
        "storage": True,
        "disk": True,
    }
    worker = WorkerPresence(context)
    worker.start()
    after = client.get("/ready")
    assert (after.status_code, after.get_json()["status"]) == (200, "ready")
    assert set(after.get_json()["downloads"]) == {"yt_dlp", "ffmpeg", "javascript"}
    worker.stop()
    assert client.get("/ready").status_code == 503


def test_what_links_lack_keeps_nobody_from_being_ready(tmp_path: Path) -> None:
    context = make_context(tmp_path, download_cookies_file="none.txt")
    worker = WorkerPresence(context)
    worker.start()
    answer = create_app(context.settings, context).test_client().get("/ready")
    worker.stop()
    assert answer.status_code == 200
    assert answer.get_json()["downloads"]["cookies"]["ok"] is False


def test_ready_without_the_weights(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(choose.WEIGHT_PACKAGES, "mtcnn", "no_such_package")
    checks = client.get("/ready").get_json()["checks"]
    assert checks["model"] == {"ok": False, "message": "The weights are missing: install no_such_package."}


def test_ready_without_the_database(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_self: Database) -> bool:
        raise ConfigError("The database postgresql://me@10.0.0.3/x cannot be opened")

    monkeypatch.setattr(Database, "is_current", away)
    response = client.get("/ready")
    checks = response.get_json()["checks"]
    assert response.status_code == 503
    assert (checks["database"]["ok"], checks["worker"]["ok"]) == (False, False)
    assert "10.0.0.3" not in response.get_data(as_text=True)
    assert client.get("/health").status_code == 200


def test_not_ready_when_the_disk_is_full(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "free_bytes", lambda _folder: 3_000_000)
    disk = client.get("/ready").get_json()["checks"]["disk"]
    assert disk == {
        "ok": False,
        "message": "The disk is full: 3 MB are free. New videos are refused until there is room.",
    }
    assert "The disk is full: 3 MB are free." in client.get("/").get_data(as_text=True)


def test_a_warning_before_the_disk_is_full(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "free_bytes", lambda _folder: 2_000_000_000)
    disk = client.get("/ready").get_json()["checks"]["disk"]
    assert disk == {"ok": True, "message": "The disk is nearly full: 2000 MB are free."}
    assert "The disk is nearly full: 2000 MB are free." in client.get("/").get_data(as_text=True)


def test_not_ready_without_the_store(tmp_path: Path, s3: Service) -> None:
    context = make_context(tmp_path, **s3.settings("no-such-bucket"))
    storage = create_app(context.settings, context).test_client().get("/ready").get_json()["checks"]["storage"]
    assert storage["ok"] is False
    assert storage["message"].startswith("The bucket that BLOB_STORE names does not exist.")
    context.database.dispose()
