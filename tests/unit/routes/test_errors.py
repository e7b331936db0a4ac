from __future__ import annotations

import inspect

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import errors
from app.routes.errors import STATUS_OF, status_of

EVERY_ERROR = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.AppError)]


@pytest.mark.parametrize("kind", EVERY_ERROR, ids=lambda kind: kind.__name__)
def test_every_error_has_its_line_in_the_table(kind: type[errors.AppError]) -> None:
    special = [listed for listed, _ in STATUS_OF if listed is not errors.AppError]
    assert kind is errors.AppError or issubclass(kind, tuple(special))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInputError("x"), 400),
        (errors.UnauthorizedError("x"), 401),
        (errors.NotFoundError("x"), 404),
        (errors.ConflictError("x"), 409),
        (errors.TooLargeError("x", 5), 413),
        (errors.NoVideoStreamError("x"), 422),
        (errors.ForbiddenAddressError("x"), 422),
        (errors.FetchError("x"), 502),
        (errors.ModelError("x"), 503),
        (errors.ConfigError("x"), 503),
        (errors.AppError("x"), 500),
    ],
)
def test_status(error: errors.AppError, status: int) -> None:
    assert status_of(error) == status


def fail(app: Flask, error: Exception, path: str) -> None:
    def view() -> str:
        raise error

    app.add_url_rule(path, path.replace("/", "_"), view)


def test_app_error_as_json(app: Flask) -> None:
    fail(app, errors.ConflictError("Somebody was quicker."), "/api/boom")
    response = app.test_client().get("/api/boom", headers={"X-Request-ID": "r-1"})
    assert response.status_code == 409
    expected = {"error": {"code": "conflict", "message": "Somebody was quicker."}, "request_id": "r-1"}
    assert response.get_json() == expected


@pytest.mark.parametrize("path", ["/api/boom", "/boom"])
def test_a_surprise_tells_nothing_of_the_inside(app: Flask, path: str, caplog: pytest.LogCaptureFixture) -> None:
    fail(app, RuntimeError("secret at /home/me/faces.db"), path)
    response = app.test_client().get(path)
    text = response.get_data(as_text=True)
    assert response.status_code == 500
    assert "secret" not in text
    assert "/home/me" not in text
    assert "Traceback" not in text
    assert response.headers["X-Request-ID"] in text
    assert "secret at" in caplog.text, "the log must hold what the answer hides"


def test_a_lost_database_names_no_address(app: Flask) -> None:
    fail(app, errors.ConfigError("The database postgresql://me@10.0.0.3/x cannot be opened"), "/api/boom")
    response = app.test_client().get("/api/boom")
    assert response.status_code == 503
    assert "10.0.0.3" not in response.get_data(as_text=True)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/api/upload_video", 405, "method_not_allowed"),
        ("DELETE", "/api/videos/7", 404, "not_found"),
        ("GET", "/api/video_info/7", 404, "not_found"),
        ("GET", "/api/people/7", 404, "not_found"),
        ("GET", "/api/job_status/nope", 404, "not_found"),
        ("POST", "/api/jobs/nope/cancel", 404, "not_found"),
        ("GET", "/api/videos?page=0", 422, "invalid_input"),
        ("GET", "/api/videos?per_page=many", 422, "invalid_input"),
        ("GET", "/api/video_info/99999999999999999999", 404, "not_found"),
    ],
)
def test_api_failures_are_json(client: FlaskClient, method: str, path: str, status: int, code: str) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    body = response.get_json()
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    assert body["request_id"] == response.headers["X-Request-ID"]


def test_wrong_method_says_which_are_right(client: FlaskClient) -> None:
    assert "POST" in client.get("/api/upload_video").headers["Allow"]


@pytest.mark.parametrize("path", ["/nothing", "/videos/7", "/people/7"])
def test_people_get_a_page(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.mimetype == "text/html"
    assert "To the dashboard" in response.get_data(as_text=True)
