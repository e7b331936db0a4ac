from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.config import Settings
from app.factory import create_app
from app.routes.security import load_secret_key
from tests.library import make_context


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:5000", 200),
        ("LOCALHOST:5000", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:5000", 200),
        ("faces.example.org", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("localhost@evil.example", 400),
        ("127.0.0.2", 400),
        ("", 400),
    ],
)
def test_only_own_names_are_answered_on_loopback(tmp_path: Path, host: str, status: int) -> None:
    context = make_context(tmp_path, allowed_hosts="Faces.example.org")
    client = create_app(context.settings, context).test_client()
    assert client.get("/health", headers={"Host": host}).status_code == status


def test_any_name_is_answered_behind_a_password(tmp_path: Path) -> None:
    context = make_context(tmp_path, host="0.0.0.0", app_password="secret")
    client = create_app(context.settings, context).test_client()
    assert client.get("/health", headers={"Host": "nas.home"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        pytest.param({}, True, id="program"),
        pytest.param({"Sec-Fetch-Site": "same-origin"}, True, id="own-page"),
        pytest.param({"Sec-Fetch-Site": "none"}, True, id="typed-address"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, False, id="other-site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, False, id="sibling-site"),
        pytest.param({"Origin": "http://localhost"}, True, id="own-origin"),
        pytest.param({"Origin": "http://evil.example"}, False, id="other-origin"),
        pytest.param({"Origin": "http://localhost:81"}, False, id="other-port"),
        pytest.param({"Origin": "null"}, False, id="sandboxed"),
    ],
)
def test_pages_of_other_sites_cannot_change_anything(
    client: FlaskClient, headers: dict[str, str], allowed: bool
) -> None:
    response = client.post("/api/cluster_faces", headers=headers)
    assert response.status_code == (202 if allowed else 403)
    if not allowed:
        assert response.get_json()["error"]["code"] == "forbidden"


def test_other_sites_may_link_here(client: FlaskClient) -> None:
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/videos", "/nothing", "/static/js/main.js"])
def test_every_answer_carries_the_guarding_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Request-ID"]


def test_pages_hold_no_inline_script_or_style(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    assert " style=" not in page
    assert " onclick=" not in page
    assert page.count("<script") == page.count('<script type="module" src=')


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-123", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("<script>", False)],
)
def test_request_id_of_the_caller_is_kept_when_plain(client: FlaskClient, given: str, kept: bool) -> None:
    answered = client.get("/health", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert (answered == given) is kept


def test_secret_key_is_made_once_and_private(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(load_secret_key, [tmp_path / "data"] * 16))
    assert len(keys) == 1
    assert len(keys.pop()) >= 32
    path = tmp_path / "data" / "secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret_key"]


def test_settings_refuse_an_open_door() -> None:
    with pytest.raises(ValueError, match="APP_PASSWORD"):
        Settings.model_validate({"host": "0.0.0.0"})
