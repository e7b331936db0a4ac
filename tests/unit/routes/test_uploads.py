from __future__ import annotations

import hashlib
import io
import tracemalloc
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.domain import JobKind
from app.routes.uploads import UploadPart
from app.services import limits
from app.services.context import Context
from tests.library import Library, RecordingQueue
from tests.videos import tiny_video

LIMIT = 1_000_000  # of the fixture's settings
BOUNDARY = "XbX"


def upload(
    client: FlaskClient, *files: tuple[bytes, str], field: str = "file", path: str = "/api/upload_video", **form: str
):
    data = {field: [(io.BytesIO(content), name) for content, name in files], **form}
    return client.post(path, data=data, content_type="multipart/form-data")


def temp_files(context: Context) -> list[Path]:
    return [path for path in context.settings.temp_folder.iterdir() if not path.name.startswith(".")]


@pytest.mark.parametrize("field", ["file", "video"])
def test_a_file_is_stored_and_queued(client: FlaskClient, context: Context, field: str) -> None:
    content = tiny_video(b"moving pictures" * 1000)
    response = upload(client, (content, "My holiday ☀.mp4"), field=field, interval="0.5")
    assert response.status_code == 202, response.get_data(as_text=True)
    body = response.get_json()
    assert body["duplicate"] is False
    assert body["status_url"] == f"/api/job_status/{body['job_id']}"
    assert isinstance(context.queue, RecordingQueue)
    assert context.queue.sent == [(JobKind.PROCESS_VIDEO, body["job_id"])]
    video = client.get(f"/api/video_info/{body['video_id']}").get_json()["video"]
    assert video["sha256"] == hashlib.sha256(content).hexdigest()
    assert video["size_bytes"] == len(content)
    assert video["status"] == "queued"
    assert video["file_name"] == "My holiday ☀.mp4"
    stored = client.get(video["stream_url"])
    assert stored.data == content
    assert temp_files(context) == []


def test_the_same_bytes_are_recognised(client: FlaskClient) -> None:
    first = upload(client, (tiny_video(), "a.mp4")).get_json()
    second = upload(client, (tiny_video(), "b.mp4"))
    assert second.status_code == 202
    assert second.get_json()["duplicate"] is True
    assert second.get_json()["video_id"] == first["video_id"]
    assert second.get_json()["job_id"] == first["job_id"]


def test_many_files_in_one_request(client: FlaskClient, context: Context) -> None:
    body = upload(client, (tiny_video(b"1"), "one.mp4"), (tiny_video(b"2"), "two.mp4"), (b"", "empty.mp4")).get_json()
    assert [item["file_name"] for item in body["submissions"]] == ["one.mp4", "two.mp4"]
    assert [item["file_name"] for item in body["rejected"]] == ["empty.mp4"]
    assert temp_files(context) == []


def test_a_file_over_the_limit_is_refused_and_leaves_nothing(client: FlaskClient, context: Context) -> None:
    response = upload(client, (bytes(LIMIT + 1), "long.mp4"))
    assert response.status_code == 413
    assert response.get_json()["error"]["code"] == "too_large"
    assert "1 MB" in response.get_json()["error"]["message"]
    assert temp_files(context) == []
    assert client.get("/api/videos").get_json()["total"] == 0


def test_a_file_at_the_limit_is_taken(client: FlaskClient) -> None:
    assert upload(client, (tiny_video(bytes(LIMIT - len(tiny_video()))), "just.mp4")).status_code == 202


def test_a_large_file_does_not_spoil_its_neighbours(client: FlaskClient) -> None:
    response = upload(client, (bytes(LIMIT + 1), "long.mp4"), (tiny_video(), "short.mp4"))
    assert response.status_code == 202
    assert [item["file_name"] for item in response.get_json()["submissions"]] == ["short.mp4"]
    assert response.get_json()["rejected"][0]["error"]["code"] == "too_large"


@pytest.mark.parametrize(
    ("form", "status"),
    [({"interval": "often"}, 400), ({"interval": "-1"}, 400), ({"interval": "nan"}, 400), ({"interval": "0,5"}, 202)],
)
def test_interval(client: FlaskClient, context: Context, form: dict[str, str], status: int) -> None:
    assert upload(client, (tiny_video(), "a.mp4"), **form).status_code == status
    assert temp_files(context) == []


@pytest.mark.parametrize(
    ("options", "status"),
    [
        pytest.param({"data": {"note": "no file"}, "content_type": "multipart/form-data"}, 400, id="no-file"),
        pytest.param({"data": b"raw", "content_type": "video/mp4"}, 400, id="raw-body"),
        pytest.param({}, 400, id="nothing"),
        pytest.param({"data": b"--x", "content_type": "multipart/form-data"}, 400, id="no-boundary"),
    ],
)
def test_what_is_no_upload(client: FlaskClient, options: dict[str, object], status: int) -> None:
    response = client.post("/api/upload_video", **options)
    assert response.status_code == status
    assert response.get_json()["error"]["message"]


def body_of(content: bytes, *, complete: bool) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'.encode()
    return head + content + (f"\r\n--{BOUNDARY}--\r\n".encode() if complete else b"")


@pytest.mark.parametrize("announced", [True, False], ids=["length-announced", "cut-by-the-sender"])
def test_a_broken_upload_leaves_nothing(client: FlaskClient, context: Context, announced: bool) -> None:
    body = body_of(bytes(200_000), complete=False)
    environ = {"CONTENT_LENGTH": str(len(body) + (100_000 if announced else 0))}
    response = client.post(
        "/api/upload_video",
        input_stream=io.BytesIO(body),
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        environ_overrides=environ,
    )
    assert response.status_code == 400
    assert temp_files(context) == []
    assert client.get("/api/videos").get_json()["total"] == 0


class Zeros(io.RawIOBase):
    """A body that is made while it is read, and looks at the temporary folder meanwhile."""

    def __init__(self, folder: Path, length: int) -> None:
        self.folder = folder
        self.head, self.rest = body_of(tiny_video(), complete=False), length
        self.largest_seen = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        self.largest_seen = max([self.largest_seen, *(path.stat().st_size for path in self.folder.iterdir())])
        if self.head:
            data, self.head = self.head[: len(buffer)], self.head[len(buffer) :]
        elif self.rest:
            data = bytes(min(len(buffer), self.rest))
            self.rest -= len(data)
        else:
            data, self.tail = getattr(self, "tail", f"\r\n--{BOUNDARY}--\r\n".encode()), b""
        buffer[: len(data)] = data
        return len(data)


def test_it_is_written_while_it_arrives_and_never_held_in_memory(tmp_path: Path) -> None:
    from app.factory import create_app
    from tests.library import make_context

    context = make_context(tmp_path, max_video_size_mb=100)
    client = create_app(context.settings, context).test_client()
    length = 40_000_000
    stream = Zeros(context.settings.temp_folder, length)
    total = len(body_of(tiny_video(), complete=True)) + length
    tracemalloc.start()
    environ = {
        "wsgi.input": io.BufferedReader(stream, 1 << 16),
        "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
        "CONTENT_LENGTH": str(total),
    }
    response = client.post("/api/upload_video", environ_overrides=environ)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.status_code == 202
    assert stream.largest_seen > length * 0.9, "the bytes must reach the disk while the rest is still on its way"
    assert peak < 8_000_000, f"{peak} bytes of memory for an upload of {length}"


def test_other_addresses_take_no_files(client: FlaskClient, context: Context) -> None:
    response = upload(client, (b"x" * 1000, "a.mp4"), path="/api/process_url", url="http://example.org/a.mp4")
    assert response.status_code == 400
    assert temp_files(context) == []


def test_other_bodies_are_small(client: FlaskClient) -> None:
    assert client.post("/api/process_url", json={"url": "http://example.org/" + "a" * 1_500_000}).status_code == 413
    body = {"urls": ["http://example.org/" + "a" * 4000] * 2500}
    assert client.post("/api/process_urls", json=body).status_code == 413


def test_form_fields_of_an_upload_are_small(client: FlaskClient, context: Context) -> None:
    assert upload(client, (b"x", "a.mp4"), note="n" * 700_000).status_code == 413
    assert temp_files(context) == []


def test_what_is_thrown_away_has_an_end(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.errors import TooLargeError
    from app.routes import uploads
    from app.services.uploads import begin_upload

    monkeypatch.setattr(uploads, "MAX_THROWN_AWAY", 3 * LIMIT)
    part = UploadPart(begin_upload(context, "a.mp4"), "a.mp4")
    written = 0
    with pytest.raises(TooLargeError):
        for _ in range(100):
            part.write(bytes(LIMIT))
            written += LIMIT
    assert written == 4 * LIMIT
    part.sink.discard()


def test_without_javascript_the_form_leads_to_the_video(client: FlaskClient, library: Library) -> None:
    response = upload(client, (tiny_video(), "a.mp4"), path="/add/file", interval="")
    assert response.status_code == 303
    assert response.location.startswith("/videos/")
    assert "Waiting for a worker" in client.get(response.location).get_data(as_text=True)
    again = client.post("/add/file", data={"file": (io.BytesIO(tiny_video()), "b.mp4")}, follow_redirects=True)
    assert "in the library already" in again.get_data(as_text=True)


def test_without_javascript_problems_are_told_on_the_form(client: FlaskClient) -> None:
    response = upload(client, (bytes(LIMIT + 1), "long.mp4"), path="/add/file")
    assert response.status_code == 413
    assert "long.mp4: The video is larger" in response.get_data(as_text=True)


def test_a_full_disk_is_said_and_nothing_is_left(
    client: FlaskClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "free_bytes", lambda _folder: 1_000_000)
    response = client.post("/api/upload_video", data={"file": (io.BytesIO(b"x" * 300_000), "film.mp4")})
    assert response.status_code == 507
    assert response.get_json()["error"]["code"] == "disk_full"
    assert temp_files(context) == []
