from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app.services.context import Context
from tests.library import Library, jpeg, plain

DATA = bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("given", "status", "start", "end"),
    [
        (None, 200, 0, len(DATA)),
        ("bytes=0-99", 206, 0, 100),
        ("bytes=100-", 206, 100, len(DATA)),
        ("bytes=-50", 206, len(DATA) - 50, len(DATA)),
        ("bytes=10200-99999", 206, 10200, len(DATA)),
    ],
)
def test_ranges(client: FlaskClient, library: Library, given: str | None, status: int, start: int, end: int) -> None:
    video = library.video(data=DATA)
    response = client.get(f"/media/videos/{video}", headers={"Range": given} if given else {})
    assert response.status_code == status
    assert response.data == DATA[start:end]
    assert response.mimetype == "video/mp4"
    assert response.headers["Accept-Ranges"] == "bytes"
    if given:
        assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(DATA)}"


def test_a_range_beyond_the_end(client: FlaskClient, library: Library) -> None:
    response = client.get(f"/media/videos/{library.video(data=DATA)}", headers={"Range": "bytes=99999-"})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{len(DATA)}"


def test_an_unchanged_picture_is_not_sent_twice(client: FlaskClient, library: Library) -> None:
    library.video(picture=jpeg(plain()))
    first = client.get("/media/thumbnails/1.jpg")
    assert (first.status_code, first.mimetype) == (200, "image/jpeg")
    assert "no-cache" in first.headers["Cache-Control"]
    again = client.get("/media/thumbnails/1.jpg", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".mkv", "video/webm"), (".mov", "video/mp4"), (".html", "application/octet-stream"), (".avi", "video/x-msvideo")],
)
def test_a_foreign_file_can_run_nothing(client: FlaskClient, library: Library, suffix: str, kind: str) -> None:
    response = client.get(f"/media/videos/{library.video(suffix=suffix)}")
    assert response.mimetype == kind
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_download_under_the_name_it_came_with(client: FlaskClient, library: Library) -> None:
    video = library.video('Größe "x"')
    header = client.get(f"/media/videos/{video}?download=1").headers["Content-Disposition"]
    assert header.startswith("attachment;")
    assert "Gr%C3%B6%C3%9Fe" in header


@pytest.mark.parametrize(
    "path",
    [
        "/media/videos/9",
        "/media/faces/1/none.jpg",
        "/media/faces/../../secret.jpg",
        "/media/faces/%2e%2e/%2e%2e/data/secret_key.jpg",
        "/media/videos/1/original.mp4",
        "/media/temp/a.jpg",
        "/media/faces/1/a.png",
        "/media//etc/passwd.jpg",
    ],
)
def test_nothing_else_can_be_reached(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code in (404, 308)


def test_a_video_that_has_not_arrived(client: FlaskClient, library: Library, context: Context) -> None:
    assert client.get(f"/media/videos/{library.video(data=None)}").status_code == 404
