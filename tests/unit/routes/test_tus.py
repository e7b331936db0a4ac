"""The tus protocol, sentence by sentence. Real clients are in tests/e2e/test_tus_clients.py."""

from __future__ import annotations

import base64
import hashlib
import io
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.http import parse_date
from werkzeug.test import TestResponse

from app.domain import Sampling
from app.factory import create_app
from app.models import Batch, Job, Upload, Video, VideoSource, utc_now
from app.routes import tus
from app.services import resumable
from app.services.context import Context
from app.services.resumable import taking
from app.storage.partial_files import PartialFile
from tests.browser import served
from tests.library import RecordingQueue, make_context
from tests.videos import tiny_video

BYTES = "application/offset+octet-stream"
TUS = {"Tus-Resumable": "1.0.0"}
LIMIT = 1_000_000  # of the fixture's settings
FILM = tiny_video(b"tus")


def encode(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def begin(client: FlaskClient, size: int | None = None, **headers: str) -> TestResponse:
    length = {"Upload-Length": str(size)} if size is not None else {}
    return client.post("/files/", headers={**TUS, **length, **headers})


def made(client: FlaskClient, size: int | None = len(FILM), /, **headers: str) -> str:
    """The address of a new upload."""
    deferred = {} if size is not None else {"Upload-Defer-Length": "1"}
    response = begin(client, size, **deferred, **headers)
    assert response.status_code == 201, response.get_data(as_text=True)
    return response.location


def send(client: FlaskClient, url: str, offset: int, data: bytes, **headers: str) -> TestResponse:
    given = {**TUS, "Upload-Offset": str(offset), "Content-Type": BYTES, **headers}
    return client.patch(url, data=data, headers=given)


def offset_of(client: FlaskClient, url: str) -> int:
    response = client.head(url, headers=TUS)
    assert response.status_code == 200
    return int(response.headers["Upload-Offset"])


def temp_files(context: Context) -> list[str]:
    return sorted(path.name for path in context.settings.temp_folder.iterdir() if not path.name.startswith("."))


def rows(context: Context, table: Any) -> list[Any]:
    with context.database.session() as session:
        return session.query(table).all()


def change(context: Context, url: str, **values: object) -> None:
    with context.database.write() as session:
        row = session.get_one(Upload, url.rsplit("/", 1)[1])
        for name, value in values.items():
            setattr(row, name, value)


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "PATIENCE", 0.0)


# Core


@pytest.mark.parametrize("path", ["/files/", "/files", f"/files/{'0' * 32}"])
def test_options(client: FlaskClient, path: str) -> None:
    response = client.options(path)  # without Tus-Resumable: a client may not know our version yet
    assert response.status_code == 204
    assert response.headers["Tus-Resumable"] == response.headers["Tus-Version"] == "1.0.0"
    assert response.headers["Tus-Max-Size"] == str(LIMIT)
    assert set(response.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-defer-length",
        "creation-with-upload",
        "termination",
        "checksum",
        "expiration",
    }
    assert set(response.headers["Tus-Checksum-Algorithm"].split(",")) == {"sha1", "sha256", "md5"}


def test_a_file_in_three_pieces(client: FlaskClient, context: Context) -> None:
    url = made(client, **{"Upload-Metadata": encode(filename="Ferien ☀.mp4", interval="0,5", sampling="scenes")})
    assert offset_of(client, url) == 0
    for start in range(0, len(FILM), 700):
        response = send(client, url, start, FILM[start : start + 700])
        assert response.status_code == 204
        assert response.headers["Tus-Resumable"] == "1.0.0"
        assert "Content-Type" not in response.headers
        assert int(response.headers["Upload-Offset"]) == min(start + 700, len(FILM))
    video_id = int(response.headers["X-Video-Id"])
    assert response.headers["X-Duplicate"] == "false"
    found = client.get(f"/api/video_info/{video_id}").get_json()["video"]
    assert found["sha256"] == hashlib.sha256(FILM).hexdigest()
    assert found["file_name"] == "Ferien ☀.mp4"
    assert client.get(found["stream_url"]).data == FILM
    [job] = rows(context, Job)
    assert job.id == response.headers["X-Job-Id"]
    assert (job.params["interval"], job.params["sampling"]) == (0.5, "scenes")
    assert [source.file_name for source in rows(context, VideoSource)] == ["Ferien ☀.mp4"]
    assert isinstance(context.queue, RecordingQueue)
    assert [job_id for _, job_id in context.queue.sent] == [job.id]
    assert temp_files(context) == []


def test_head(client: FlaskClient) -> None:
    metadata = encode(filename="a.mp4", anything="else")
    url = made(client, **{"Upload-Metadata": metadata})
    send(client, url, 0, FILM[:100])
    response = client.head(url, headers=TUS)
    assert response.status_code == 200
    assert response.headers["Upload-Offset"] == "100"
    assert response.headers["Upload-Length"] == str(len(FILM))
    assert response.headers["Upload-Metadata"] == metadata
    assert response.headers["Cache-Control"] == "no-store"
    assert response.data == b""


def test_head_after_the_end(client: FlaskClient) -> None:
    url = made(client)
    send(client, url, 0, FILM)
    response = client.head(url, headers=TUS)
    assert response.headers["Upload-Offset"] == response.headers["Upload-Length"] == str(len(FILM))
    assert response.headers["X-Video-Id"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Tus-Resumable": None}, 412, id="no-version"),
        pytest.param({"Tus-Resumable": "0.2.2"}, 412, id="other-version"),
        pytest.param({"Content-Type": "video/mp4"}, 415, id="content-type"),
        pytest.param({"Content-Type": None}, 415, id="no-content-type"),
        pytest.param({"Upload-Offset": None}, 400, id="no-offset"),
        pytest.param({"Upload-Offset": "-1"}, 400, id="negative-offset"),
        pytest.param({"Upload-Offset": "ten"}, 400, id="no-number"),
        pytest.param({"Upload-Offset": "9" * 30}, 400, id="number-too-long"),
        pytest.param({"Upload-Offset": "99"}, 409, id="offset-too-small"),
        pytest.param({"Upload-Offset": "101"}, 409, id="offset-too-large"),
        pytest.param({"Upload-Length": "5"}, 400, id="another-length"),
        pytest.param({"Upload-Checksum": "crc32 AAAA"}, 400, id="unknown-algorithm"),
        pytest.param({"Upload-Checksum": "sha1 ???"}, 400, id="no-base64"),
        pytest.param({"Upload-Checksum": "sha1"}, 400, id="no-digest"),
        pytest.param({"Upload-Checksum": f"sha1 {base64.b64encode(b'x' * 20).decode()}"}, 460, id="wrong-digest"),
    ],
)
def test_refused_chunks_change_nothing(client: FlaskClient, headers: dict[str, str | None], status: int) -> None:
    url = made(client)
    send(client, url, 0, FILM[:100])
    given: dict[str, str | None] = {**TUS, "Upload-Offset": "100", "Content-Type": BYTES, **headers}
    response = client.patch(
        url, data=FILM[100:200], headers={name: value for name, value in given.items() if value is not None}
    )
    assert response.status_code == status
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert response.get_json()["error"]["message"].endswith(".")
    if status == 412:
        assert response.headers["Tus-Version"] == "1.0.0"
    assert offset_of(client, url) == 100
    assert send(client, url, 100, FILM[100:]).status_code == 204


def test_more_than_was_promised(client: FlaskClient) -> None:
    url = made(client)
    assert send(client, url, 0, FILM + b"x").status_code == 413
    assert offset_of(client, url) == 0


def test_more_than_was_promised_without_a_content_length(client: FlaskClient) -> None:
    url = made(client, 100_000)
    environ = {"wsgi.input": io.BytesIO(bytes(200_000)), "wsgi.input_terminated": True}
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": BYTES, "Transfer-Encoding": "chunked"}
    assert client.patch(url, headers=headers, environ_overrides=environ).status_code == 413
    assert offset_of(client, url) == 0


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE", "GET"])
@pytest.mark.parametrize("name", ["0" * 32, "nothing", "..%2f..%2fetc%2fpasswd", "0" * 33])
def test_there_is_no_such_upload(client: FlaskClient, context: Context, method: str, name: str) -> None:
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": BYTES}
    assert client.open(f"/files/{name}", method=method, headers=headers).status_code == 404
    assert temp_files(context) == []


@pytest.mark.parametrize(("method", "status"), [("PATCH", 204), ("HEAD", 200), ("DELETE", 204), ("OPTIONS", 204)])
def test_method_override(client: FlaskClient, method: str, status: int) -> None:
    url = made(client)
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": BYTES, "X-HTTP-Method-Override": method}
    response = client.post(url, data=FILM[:9] if method == "PATCH" else b"", headers=headers)
    assert response.status_code == status
    if method == "PATCH":
        assert offset_of(client, url) == 9


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_methods_that_an_upload_does_not_answer(client: FlaskClient, method: str) -> None:
    assert client.open(made(client), method=method, headers=TUS).status_code == 405


def test_an_override_cannot_turn_a_harmless_method_into_another(client: FlaskClient) -> None:
    url = made(client)
    assert client.get(url, headers={**TUS, "X-HTTP-Method-Override": "DELETE"}).status_code == 200
    assert offset_of(client, url) == 0


# What breaks


class Breaking:
    """A body whose connection breaks after some bytes."""

    def __init__(self, data: bytes, error: bool) -> None:
        self.data, self.error = data, error

    def read(self, size: int = -1) -> bytes:
        piece, self.data = self.data[:size], self.data[size:]
        if not piece and self.error:
            raise ConnectionResetError
        return piece


def send_broken(client: FlaskClient, url: str, data: bytes, announced: int, error: bool, **headers: str) -> int:
    environ = {"wsgi.input": Breaking(data, error), "CONTENT_LENGTH": str(announced)}
    given = {**TUS, "Upload-Offset": "0", "Content-Type": BYTES, **headers}
    return client.patch(url, headers=given, environ_overrides=environ).status_code


@pytest.mark.parametrize("error", [False, True], ids=["closed", "reset"])
def test_what_came_before_the_connection_broke_stays(client: FlaskClient, error: bool) -> None:
    url = made(client)
    assert send_broken(client, url, FILM[:1000], len(FILM), error) == 400
    assert offset_of(client, url) == 1000
    assert send(client, url, 1000, FILM[1000:]).headers["X-Video-Id"]


def test_what_cannot_be_checked_does_not_stay(client: FlaskClient) -> None:
    url = made(client)
    checksum = f"sha1 {base64.b64encode(hashlib.sha1(FILM).digest()).decode()}"
    assert send_broken(client, url, FILM[:1000], len(FILM), True, **{"Upload-Checksum": checksum}) == 400
    assert offset_of(client, url) == 0


def test_bytes_that_a_killed_server_could_not_check_do_not_count(client: FlaskClient, context: Context) -> None:
    url = made(client)
    send(client, url, 0, FILM[:100])
    context.blobs.temp.resumable(url.rsplit("/", 1)[1]).write_bytes(FILM[:100] + b"wrong")
    change(context, url, unverified_from=100)
    assert offset_of(client, url) == 100
    assert send(client, url, 100, FILM[100:]).headers["X-Video-Id"]


def test_one_writer_at_a_time(client: FlaskClient, context: Context) -> None:
    url = made(client)
    part = PartialFile(context.blobs.temp.resumable(url.rsplit("/", 1)[1]))
    with part.locked(0):
        assert send(client, url, 0, FILM).status_code == 423
        assert client.delete(url, headers=TUS).status_code == 423
        assert client.get(url).get_json()["busy"] is True
        assert offset_of(client, url) == 0, "looking needs no lock"
    assert client.get(url).get_json()["busy"] is False
    assert send(client, url, 0, FILM).status_code == 204


def test_a_sender_that_fell_silent_holds_nobody_up(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tus, "SILENCE", 0.5)
    monkeypatch.setattr(taking, "PATIENCE", 60.0)
    url = made(client)
    head = f"PATCH {url} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
    with served(app) as address, socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as wire:
        wire.sendall(f"{head}Content-Type: {BYTES}\r\nContent-Length: {len(FILM)}\r\n\r\n".encode() + FILM[:1000])
        for _ in range(500):  # until the server is at work on it
            if client.get(url).get_json()["busy"]:
                break
        assert send(client, url, 0, FILM).headers["X-Video-Id"], "another sender takes over"


@pytest.mark.parametrize("moment", ["before the video", "after the video"])
def test_killed_while_the_complete_file_was_filed(client: FlaskClient, context: Context, moment: str) -> None:
    url = made(client)
    path = context.blobs.temp.resumable(url.rsplit("/", 1)[1])
    if moment == "after the video":
        send(client, url, 0, FILM)
        change(context, url, finished_at=None, video_id=None, job_id=None)
    else:
        path.write_bytes(FILM)
    response = client.head(url, headers=TUS)
    assert response.headers["Upload-Offset"] == str(len(FILM))
    assert int(response.headers["X-Video-Id"]) == rows(context, Video)[0].id
    assert len(rows(context, Video)) == len(rows(context, Job)) == 1
    assert temp_files(context) == []


def test_complete_files_that_nobody_asks_for_are_filed_too(client: FlaskClient, context: Context) -> None:
    url = made(client)
    context.blobs.temp.resumable(url.rsplit("/", 1)[1]).write_bytes(FILM)
    resumable.expire(context)
    assert client.get(url).get_json()["state"] == "filed"


def test_a_file_that_was_lost_on_its_way_is_said_to_be_lost(client: FlaskClient, context: Context) -> None:
    url = made(client)
    change(context, url, sha256="0" * 64)
    assert client.head(url, headers=TUS).status_code == 410
    assert "Send it again" in client.get(url).get_json()["error"]["message"]


def test_it_is_written_while_it_arrives_and_never_held_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    context = make_context(tmp_path, max_video_size_mb=100)
    client = create_app(context.settings, context).test_client()
    length = 40_000_000
    url = made(client, length + 1)
    part = context.blobs.temp.resumable(url.rsplit("/", 1)[1])

    class Zeros:
        left, largest = length, 0

        def read(self, size: int = -1) -> bytes:
            self.largest = max(self.largest, part.stat().st_size)
            size = min(size, self.left)
            self.left -= size
            return bytes(size)

    body = Zeros()
    tracemalloc.start()
    environ = {"wsgi.input": body, "CONTENT_LENGTH": str(length)}
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": BYTES}
    assert client.patch(url, headers=headers, environ_overrides=environ).status_code == 204
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    context.database.dispose()
    assert body.largest > length * 0.9
    assert peak < 4_000_000


# Creation


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 400, id="no-length"),
        pytest.param({"Upload-Length": "10", "Upload-Defer-Length": "1"}, 400, id="both"),
        pytest.param({"Upload-Defer-Length": "2"}, 400, id="defer-2"),
        pytest.param({"Upload-Length": "-5"}, 400, id="negative"),
        pytest.param({"Upload-Length": "1e6"}, 400, id="no-number"),
        pytest.param({"Upload-Length": "\u0661"}, 400, id="arabic-digit"),
        pytest.param({"Upload-Length": "0"}, 400, id="empty"),
        pytest.param({"Upload-Length": str(LIMIT + 1)}, 413, id="too-large"),
        pytest.param({"Upload-Length": str(LIMIT)}, 201, id="at-the-limit"),
        pytest.param({"Upload-Length": "5", "Tus-Resumable": "2.0.0"}, 412, id="version"),
        pytest.param({"Upload-Length": "5", "Upload-Concat": "partial"}, 400, id="concatenation"),
        pytest.param({"Upload-Length": "5", "Content-Type": "video/mp4"}, 201, id="content-type-without-content"),
        pytest.param({"Upload-Length": "5", "Upload-Metadata": "filename"}, 201, id="key-without-value"),
        pytest.param({"Upload-Length": "5", "Upload-Metadata": "filename ???"}, 400, id="no-base64"),
        pytest.param({"Upload-Length": "5", "Upload-Metadata": "a YQ==,a Yg=="}, 400, id="key-twice"),
        pytest.param({"Upload-Length": "5", "Upload-Metadata": "a YQ==,,b Yg=="}, 400, id="no-key"),
        pytest.param({"Upload-Length": "5", "Upload-Metadata": encode(interval="often")}, 400, id="interval"),
        pytest.param({"Upload-Length": "5", "Upload-Metadata": encode(interval="0")}, 400, id="interval-0"),
        pytest.param({"Upload-Length": "5", "Upload-Metadata": encode(sampling="all")}, 400, id="sampling"),
        pytest.param({"Upload-Length": "5", "Upload-Metadata": encode(batch="no batch")}, 400, id="batch"),
        pytest.param({"Upload-Length": "5", "Upload-Metadata": encode(note="x" * 9000)}, 400, id="long"),
        pytest.param({"Upload-Length": "5", "Upload-Metadata": "bytes /w=="}, 201, id="value-that-is-no-text"),
    ],
)
def test_creation(client: FlaskClient, context: Context, headers: dict[str, str], status: int) -> None:
    response = client.post("/files/", headers={**TUS, **headers})
    assert response.status_code == status, response.get_data(as_text=True)
    assert len(rows(context, Upload)) == (1 if status == 201 else 0)
    assert temp_files(context) == []


def test_the_name_is_made_safe(client: FlaskClient) -> None:
    url = made(client, **{"Upload-Metadata": encode(filename="../../etc/pass\u202ewd.mp4")})
    assert client.get(url).get_json()["file_name"] == "passwd.mp4"


@pytest.mark.parametrize(("metadata", "name"), [({"name": "b.mp4"}, "b.mp4"), ({}, "video")])
def test_other_ways_to_say_the_name(client: FlaskClient, metadata: dict[str, str], name: str) -> None:
    url = made(client, **{"Upload-Metadata": encode(**metadata)})
    assert client.get(url).get_json()["file_name"] == name


def test_the_length_may_be_told_later(client: FlaskClient) -> None:
    url = made(client, None)
    assert client.head(url, headers=TUS).headers["Upload-Defer-Length"] == "1"
    assert send(client, url, 0, FILM[:500]).status_code == 204
    assert send(client, url, 500, b"", **{"Upload-Length": "499"}).status_code == 400
    assert send(client, url, 500, b"", **{"Upload-Length": str(LIMIT + 1)}).status_code == 413
    assert send(client, url, 500, FILM[500:600], **{"Upload-Length": str(len(FILM))}).status_code == 204
    head = client.head(url, headers=TUS)
    assert "Upload-Defer-Length" not in head.headers
    assert head.headers["Upload-Length"] == str(len(FILM))
    assert send(client, url, 600, FILM[600:]).headers["X-Video-Id"]


def test_the_length_told_with_nothing_left_to_send(client: FlaskClient) -> None:
    url = made(client, None)
    assert "X-Video-Id" not in send(client, url, 0, FILM).headers
    assert send(client, url, len(FILM), b"", **{"Upload-Length": str(len(FILM))}).headers["X-Video-Id"]


def test_the_limit_holds_without_a_length(client: FlaskClient) -> None:
    url = made(client, None)
    assert send(client, url, 0, bytes(LIMIT)).status_code == 204
    assert send(client, url, LIMIT, b"x").status_code == 413


@pytest.mark.parametrize("part", [100, len(FILM)], ids=["some", "all"])
def test_creation_with_upload(client: FlaskClient, part: int) -> None:
    headers = {**TUS, "Upload-Length": str(len(FILM)), "Content-Type": BYTES}
    response = client.post("/files/", data=FILM[:part], headers=headers)
    assert response.status_code == 201
    assert response.headers["Upload-Offset"] == str(part)
    assert ("X-Video-Id" in response.headers) is (part == len(FILM))
    assert offset_of(client, response.location) == part


def test_creation_with_a_body_of_another_kind(client: FlaskClient, context: Context) -> None:
    headers = {**TUS, "Upload-Length": "5", "Content-Type": "video/mp4"}
    assert client.post("/files/", data=b"12345", headers=headers).status_code == 415
    assert rows(context, Upload) == []


def test_creation_with_broken_bytes_leaves_nothing(client: FlaskClient, context: Context) -> None:
    digest = base64.b64encode(b"x" * 16).decode()
    headers = {**TUS, "Upload-Length": "5", "Content-Type": BYTES, "Upload-Checksum": f"md5 {digest}"}
    assert client.post("/files/", data=b"12345", headers=headers).status_code == 460
    assert rows(context, Upload) == []
    assert temp_files(context) == []


# Checksum, termination, expiration


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_checksum(client: FlaskClient, algorithm: str) -> None:
    url = made(client)

    def checksum(data: bytes) -> dict[str, str]:
        return {"Upload-Checksum": f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"}

    assert send(client, url, 0, FILM[:700], **checksum(FILM[:700])).status_code == 204
    wrong = send(client, url, 700, FILM[700:], **checksum(b"something else"))
    assert wrong.status == "460 Checksum Mismatch"
    assert offset_of(client, url) == 700
    assert send(client, url, 700, FILM[700:], **checksum(FILM[700:])).headers["X-Video-Id"]


def test_termination(client: FlaskClient, context: Context) -> None:
    url = made(client)
    send(client, url, 0, FILM[:100])
    response = client.delete(url, headers=TUS)
    assert response.status_code == 204
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert client.head(url, headers=TUS).status_code == 404
    assert temp_files(context) == []
    assert rows(context, Upload) == []


def test_termination_after_the_end_leaves_the_video(client: FlaskClient, context: Context) -> None:
    url = made(client)
    send(client, url, 0, FILM)
    assert client.delete(url, headers=TUS).status_code == 204
    assert len(rows(context, Video)) == 1


def test_expiration(client: FlaskClient, context: Context) -> None:
    response = begin(client, len(FILM))
    url = response.location
    first = parse_date(response.headers["Upload-Expires"])
    assert first is not None
    hours = context.settings.upload_expire_hours
    assert abs(first - utc_now() - timedelta(hours=hours)) < timedelta(minutes=5)
    change(context, url, expires_at=utc_now() + timedelta(minutes=1))
    later = parse_date(send(client, url, 0, FILM[:100]).headers["Upload-Expires"])
    assert later is not None
    assert later >= first, "whoever sends has more time"
    change(context, url, expires_at=utc_now() - timedelta(seconds=1))
    assert client.head(url, headers=TUS).status_code == 410
    assert send(client, url, 100, FILM[100:]).status_code == 410
    assert resumable.expire(context) == 1
    assert client.head(url, headers=TUS).status_code == 404
    assert temp_files(context) == []


def test_what_is_being_sent_does_not_expire(client: FlaskClient, context: Context) -> None:
    url = made(client)
    part = PartialFile(context.blobs.temp.resumable(url.rsplit("/", 1)[1]))
    change(context, url, expires_at=utc_now() - timedelta(seconds=1))
    with part.locked(0):
        assert resumable.expire(context) == 0


def test_files_without_a_row_are_removed(context: Context) -> None:
    context.blobs.temp.resumable("f" * 32).write_bytes(b"left behind")
    assert resumable.expire(context) == 1
    assert temp_files(context) == []


# What becomes of it


def test_the_same_bytes_again(client: FlaskClient, context: Context) -> None:
    first, second = made(client), made(client, **{"Upload-Metadata": encode(filename="again.mp4")})
    video_id = send(client, first, 0, FILM).headers["X-Video-Id"]
    response = send(client, second, 0, FILM)
    assert (response.headers["X-Video-Id"], response.headers["X-Duplicate"]) == (video_id, "true")
    told = client.get(second).get_json()
    assert told["state"] == "filed"
    assert told["duplicate"] is True
    assert told["status_url"] == f"/api/job_status/{told['job_id']}"
    assert told["page_url"] == f"/videos/{video_id}"
    assert client.get(f"/api/uploads/{told['upload_id']}").get_json() == told
    assert temp_files(context) == []
    assert len(rows(context, Video)) == 1
    assert len(rows(context, VideoSource)) == 2


def test_a_file_that_is_no_video(client: FlaskClient, context: Context) -> None:
    url = made(client, 11, **{"Upload-Metadata": encode(filename="note.mp4")})
    response = send(client, url, 0, b"hello world")
    assert response.status_code == 422
    message = response.get_json()["error"]["message"]
    told = client.get(url).get_json()
    assert told["state"] == "refused"
    assert told["error"]["message"] == message
    assert client.head(url, headers=TUS).status_code == 410, "a client must not take it for done"
    assert send(client, url, 11, b"").status_code == 410
    assert temp_files(context) == []
    assert rows(context, Video) == rows(context, Job) == []


def test_a_failure_that_may_pass_costs_nothing(
    client: FlaskClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.errors import StorageError
    from app.services.resumable import ending

    def fail(*_: object, **__: object) -> None:
        raise StorageError("The bucket cannot be reached.")

    url = made(client)
    with monkeypatch.context() as patch:
        patch.setattr(ending, "finish_upload", fail)
        assert send(client, url, 0, FILM).status_code == 503
    assert client.head(url, headers=TUS).headers["X-Video-Id"]


def test_no_room_on_the_disk(tmp_path: Path) -> None:
    context = make_context(tmp_path, min_free_disk_mb=10**9)
    client = create_app(context.settings, context).test_client()
    response = begin(client, 100)
    assert response.status_code == 507
    assert response.get_json()["error"]["code"] == "disk_full"
    context.database.dispose()


def test_unfinished_uploads_are_listed(client: FlaskClient) -> None:
    older = made(client, **{"Upload-Metadata": encode(filename="a.mp4", fingerprint="x")})
    send(client, older, 0, FILM[:100])
    done = made(client)
    send(client, done, 0, FILM)
    [listed] = client.get("/api/uploads").get_json()["uploads"]
    assert listed["upload_url"] == older
    assert (listed["offset"], listed["size"], listed["state"]) == (100, len(FILM), "uploading")
    assert listed["metadata"] == {"filename": "a.mp4", "fingerprint": "x"}


def test_options_survive_the_way_through_the_row(client: FlaskClient, context: Context) -> None:
    url = made(client, **{"Upload-Metadata": encode(sampling="adaptive", batch="b1", again="1")})
    [row] = rows(context, Upload)
    from app.services.resumable.ending import unpack_options

    options = unpack_options(row.params)
    assert (options.sampling, options.batch_id, options.again) == (Sampling.ADAPTIVE, "b1", True)
    assert send(client, url, 0, FILM).status_code == 204
    assert rows(context, Job)[0].batch_id == "b1"
    made(client, **{"Upload-Metadata": encode(batch="b1")})
    assert [(batch.id, batch.title) for batch in rows(context, Batch)] == [("b1", "Files sent together")]


# Guards


@pytest.fixture
def locked_url(tmp_path: Path) -> Iterator[tuple[FlaskClient, str]]:
    context = make_context(tmp_path / "locked", app_password="open sesame")
    client = create_app(context.settings, context).test_client()
    yield client, made(client, 5, Authorization="Bearer open sesame")
    context.database.dispose()


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "HEAD", "GET", "PATCH", "DELETE"])
def test_the_password_guards_all_of_it(locked_url: tuple[FlaskClient, str], method: str) -> None:
    client, url = locked_url
    for path in ("/files/", url):
        assert client.open(path, method=method, headers=TUS).status_code == 401
    key = {"X-API-Key": "open sesame"}
    assert client.head(url, headers={**TUS, **key}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_pages_of_other_sites_cannot_send(client: FlaskClient, method: str, headers: dict[str, str]) -> None:
    url = made(client)
    given = {**TUS, **headers, "Upload-Length": "5", "Upload-Offset": "0", "Content-Type": BYTES}
    for path in ("/files/", url):
        assert client.open(path, method=method, headers=given).status_code in (403, 405)
    assert offset_of(client, url) == 0


def test_other_host_names_are_not_answered(client: FlaskClient) -> None:
    assert client.options("/files/", headers={"Host": "evil.example"}).status_code == 400
