from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.factory import create_app
from app.routes.auth import MAX_FAILURES, local_path
from tests.library import make_context

PASSWORD = "open sesame"


def log_in(client: FlaskClient, password: str = PASSWORD, next_: str = "/people") -> int:
    return client.post("/login", data={"password": password, "next": next_}).status_code


@pytest.mark.parametrize("path", ["/", "/people", "/videos/1", "/add", "/jobs"])
def test_pages_lead_to_the_login(locked_client: FlaskClient, path: str) -> None:
    response = locked_client.get(path)
    assert response.status_code == 302
    assert response.location.startswith("/login?next=")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/videos"),
        ("GET", "/api/events"),
        ("POST", "/api/cluster_faces"),
        ("DELETE", "/api/videos/1"),
        ("GET", "/media/videos/1"),
        ("GET", "/media/faces/1/a.jpg"),
        ("POST", "/add/urls"),
        ("POST", "/add/file"),
        ("GET", "/api/nothing"),
    ],
)
def test_everything_else_answers_401(locked_client: FlaskClient, method: str, path: str) -> None:
    assert locked_client.open(path, method=method).status_code == 401


@pytest.mark.parametrize("path", ["/health", "/login", "/static/css/base.css"])
def test_what_needs_no_password(locked_client: FlaskClient, path: str) -> None:
    assert locked_client.get(path).status_code == 200


def test_login_opens_and_logout_closes(locked_client: FlaskClient) -> None:
    response = locked_client.post("/login", data={"password": PASSWORD, "next": "/people"})
    assert (response.status_code, response.location) == (302, "/people")
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert PASSWORD not in cookie
    assert locked_client.get("/people").status_code == 200
    assert locked_client.post("/logout").status_code == 302
    assert locked_client.get("/people").status_code == 302


def test_wrong_password_is_told_beside_the_field(locked_client: FlaskClient) -> None:
    response = locked_client.post("/login", data={"password": "wrong"})
    assert response.status_code == 401
    assert "That is not the password" in response.get_data(as_text=True)
    assert locked_client.get("/people").status_code == 302


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"Bearer {PASSWORD}"}, {"X-API-Key": PASSWORD}], ids=["bearer", "key"]
)
def test_programs_send_the_password(locked_client: FlaskClient, headers: dict[str, str]) -> None:
    assert locked_client.get("/api/videos", headers=headers).status_code == 200
    wrong = {name: value + "x" for name, value in headers.items()}
    assert locked_client.get("/api/videos", headers=wrong).status_code == 401


def test_guessing_is_slowed_down(locked_client: FlaskClient) -> None:
    assert [log_in(locked_client, "wrong") for _ in range(MAX_FAILURES)] == [401] * MAX_FAILURES
    assert log_in(locked_client) == 429
    other = {"REMOTE_ADDR": "10.1.1.1"}
    answer = locked_client.post("/login", data={"password": PASSWORD}, environ_overrides=other)
    assert answer.status_code == 302


def test_another_password_ends_old_sessions(tmp_path: Path, locked_client: FlaskClient) -> None:
    assert log_in(locked_client) == 302
    context = make_context(tmp_path / "locked", app_password="another")
    client = create_app(context.settings, context).test_client()
    cookie = locked_client.get_cookie("faaaaaces_session")
    assert cookie is not None
    client.set_cookie("faaaaaces_session", cookie.value)
    assert client.get("/people").status_code == 302


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/people?page=2", "/people?page=2"),
        (None, "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\nb", "/"),
        ("people", "/"),
    ],
)
def test_login_never_leads_elsewhere(client: FlaskClient, target: str | None, path: str) -> None:
    with client.application.test_request_context():
        assert local_path(target) == path


def test_without_a_password_there_is_no_login(client: FlaskClient) -> None:
    assert client.get("/login").location == "/"
    assert "Log out" not in client.get("/").get_data(as_text=True)
