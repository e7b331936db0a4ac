from __future__ import annotations

from pathlib import Path

import pytest
import requests
from flask.testing import FlaskClient

from app.domain import MediaKind
from app.factory import create_app
from app.services.context import Context
from tests.buckets import Service
from tests.library import Library, jpeg, make_context, plain

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


@pytest.mark.parametrize(
    ("header", "status"),
    [(None, 206), ("same", 206), ("other", 200), ("Wed, 21 Oct 2015 07:28:00 GMT", 200)],
)
def test_a_range_of_what_has_changed_is_the_whole(
    client: FlaskClient, library: Library, header: str | None, status: int
) -> None:
    address = f"/media/videos/{library.video(data=DATA)}"
    etag = client.get(address).headers["ETag"]
    condition = {} if header is None else {"If-Range": {"same": etag, "other": '"other"'}.get(header, header)}
    response = client.get(address, headers={"Range": "bytes=1-2", **condition})
    assert (response.status_code, len(response.data)) == (status, 2 if status == 206 else len(DATA))


def test_head(client: FlaskClient, library: Library) -> None:
    address = f"/media/videos/{library.video(data=DATA)}"
    whole = client.head(address)
    assert (whole.status_code, whole.content_length, whole.data) == (200, len(DATA), b"")
    part = client.head(address, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content_length, part.data) == (206, 10, b"")


def test_a_file_that_is_used_where_it_lies(client: FlaskClient, library: Library, tmp_path: Path) -> None:
    film = tmp_path / "elsewhere" / "film.mp4"
    film.parent.mkdir()
    film.write_bytes(DATA)
    address = f"/media/videos/{library.video(data=None, local_path=str(film))}"
    response = client.get(address, headers={"Range": "bytes=5-9"})
    assert (response.status_code, response.data, response.mimetype) == (206, DATA[5:10], "video/mp4")
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    film.unlink()
    gone = client.get(address)
    assert gone.status_code == 404
    assert str(film) not in gone.get_data(as_text=True)


def test_pictures_are_not_played(client: FlaskClient, library: Library) -> None:
    assert client.get(f"/media/videos/{library.video(media_kind=MediaKind.PICTURES)}").status_code == 404


def test_a_video_of_a_public_bucket_is_fetched_from_there(
    tmp_path: Path, s3: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)  # stands for Amazon's own address
    settings = {**s3.settings(s3.bucket()), "blob_store_endpoint": None}
    context = make_context(tmp_path, **settings)
    video = Library(context).video(data=DATA, picture=jpeg(plain()))
    client = create_app(context.settings, context).test_client()
    answer = client.get(f"/media/videos/{video}?download=1")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")
    part = requests.get(answer.headers["Location"], headers={"Range": "bytes=5-9"}, timeout=30)
    assert (part.status_code, part.content, part.headers["Content-Type"]) == (206, DATA[5:10], "video/mp4")
    assert part.headers["Content-Disposition"].startswith("attachment;")
    assert client.get("/media/thumbnails/1.jpg").status_code == 200  # small ones are sent from here
    assert "media-src 'self' https://*.amazonaws.com blob:" in client.get("/").headers["Content-Security-Policy"]
    context.database.dispose()
