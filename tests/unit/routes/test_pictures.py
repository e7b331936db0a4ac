"""Sets of pictures over the page and the API, and looking at something again."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from app.domain import JobState, MediaKind
from app.models import Face, Job, Track, Video
from app.services.context import Context
from app.storage import pictures as picture_rows
from tests.library import Library, jpeg, plain
from tests.stills import archive, still
from tests.videos import tiny_video


def upload(client: FlaskClient, data: bytes, name: str, path: str = "/api/upload_video", **form: str):
    return client.post(path, data={"file": (io.BytesIO(data), name), **form}, content_type="multipart/form-data")


@pytest.fixture
def album(context: Context, library: Library) -> tuple[int, int]:
    """A set of 30 pictures; a person in the third and the thirtieth, somebody unknown in the third, one picture broken."""
    video_id = library.video("Holiday", suffix=".zip", duration=None, media_kind=MediaKind.PICTURES, interval=None)
    person_id = library.person("Eileen")
    rows = [
        {"file_name": f"IMG_{n}.jpg", "blob_key": f"thumbnails/{video_id}/{n:08d}.jpg", "width": 1280, "height": 720}
        for n in range(30)
    ]
    rows[2]["taken_at"] = "2026-11-22T10:30:00+02:00"
    rows[5] = {"file_name": "IMG_5.jpg", "error": "The picture is damaged and cannot be read."} | {
        "blob_key": None, "width": None, "height": None,
    }  # fmt: skip
    rows = [{"taken_at": None, "error": None, **row} for row in rows]
    with context.database.write() as session:
        picture_rows.replace_all(session, video_id, rows)
    context.blobs.write(f"thumbnails/{video_id}/00000002.jpg", jpeg(plain()))
    for who, times in ((person_id, [2.0]), (person_id, [29.0]), (None, [2.0])):
        library.track(video_id, who, times)
    with context.database.write() as session:
        for face in session.query(Face):
            face.sample, face.ordinal = int(face.timestamp), face.id
        session.execute(update(Track).values(end=Track.start))
        session.execute(update(Video).values(frames_sampled=29))
    return video_id, person_id


def test_the_page_of_a_set_shows_its_pictures_with_their_faces(client: FlaskClient, album: tuple[int, int]) -> None:
    video_id, person_id = album
    page = client.get(f"/videos/{video_id}").get_data(as_text=True)
    assert "<video" not in page
    assert "30 pictures" in page
    assert f'src="/media/thumbnails/{video_id}/00000002.jpg"' in page
    assert 'viewBox="0 0 1280 720"' in page
    assert "in 2 pictures" in page
    assert "Eileen" in page
    assert 'class="nobody"' in page
    assert "2026-11-22 10:30" in page
    assert "The picture is damaged and cannot be read." in page
    assert "IMG_29.jpg" not in page
    second = client.get(f"/videos/{video_id}?page=2").get_data(as_text=True)
    assert 'id="picture-30"' in second
    assert client.get(f"/media/thumbnails/{video_id}/00000002.jpg").status_code == 200
    person = client.get(f"/people/{person_id}").get_data(as_text=True)
    assert "in 2 pictures of 29" in person
    assert f'href="/videos/{video_id}?page=2#picture-30"' in person
    assert "on screen" not in person
    assert '<span class="length">29 pictures</span>' in client.get("/videos").get_data(as_text=True)
    for path in ("/", "/videos", "/people", "/jobs"):
        assert client.get(path).status_code == 200


def test_the_api_tells_pictures_apart_from_videos(client: FlaskClient, album: tuple[int, int]) -> None:
    video_id, person_id = album
    told = client.get(f"/api/video_info/{video_id}").get_json()
    video = told["video"]
    assert (video["media_kind"], video["stream_url"], video["duration"]) == ("pictures", None, None)
    assert [(one["seconds"], one["intervals"]) for one in told["people"]] == [
        (0, [{"start": 2.0, "end": 2.0}, {"start": 29.0, "end": 29.0}])
    ]
    found = client.get(f"/api/videos/{video_id}/pictures?per_page=4").get_json()
    assert (found["total"], found["pages"], len(found["pictures"])) == (30, 8, 4)
    third = found["pictures"][2]
    assert (third["number"], third["file_name"], third["taken_at"]) == (2, "IMG_2.jpg", "2026-11-22T10:30:00+02:00")
    assert [face["person_id"] for face in third["faces"]] in ([person_id, None], [None, person_id])
    assert client.get(f"/media/videos/{video_id}").status_code == 404
    people = client.get("/api/people").get_json()["people"]
    assert (people[0]["seconds"], people[0]["face_count"]) == (0, 2)
    assert client.get("/api/videos/999/pictures").status_code == 404


@pytest.mark.parametrize("name", ["album.zip", "album.mp4"])
def test_a_zip_file_is_known_by_its_content(client: FlaskClient, tmp_path: Path, name: str) -> None:
    data = archive(tmp_path / "a.zip", {"a.jpg": still(), "b.png": still("png")}).read_bytes()
    body = upload(client, data, name).get_json()
    video = client.get(f"/api/videos/{body['video_id']}").get_json()["video"]
    assert (video["media_kind"], video["title"]) == ("pictures", "album")
    again = upload(client, data, "other.zip").get_json()
    assert (again["duplicate"], again.get("interval"), again["video_id"]) == (True, None, body["video_id"])


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        pytest.param(b"", 422, "empty_media", id="empty"),
        pytest.param(b"#EXTM3U\nhttp://example.org/a.ts\n", 422, "unreadable_media", id="playlist"),
        pytest.param(b"#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES\n", 422, "encrypted_media", id="protected"),
        pytest.param(b"no video", 422, "unreadable_media", id="text"),
        pytest.param(b"PK\5\6" + bytes(18), 422, "empty_media", id="an empty ZIP file"),
        pytest.param(still()[:300], 422, "unreadable_media", id="half a picture"),
    ],
)
def test_what_is_refused_leaves_nothing(
    client: FlaskClient, context: Context, data: bytes, status: int, code: str
) -> None:
    response = upload(client, data, "a.mp4")
    assert (response.status_code, response.get_json()["error"]["code"]) == (status, code)
    assert client.get("/api/videos").get_json()["total"] == 0
    settings = context.settings
    left = [path for folder in (settings.temp_folder, settings.upload_folder) for path in folder.rglob("*")]
    assert [path for path in left if path.is_file() and path.name != ".gitignore"] == []


def _end(context: Context, video_id: int) -> None:
    with context.database.write() as session:
        session.execute(update(Job).where(Job.video_id == video_id).values(state=JobState.SUCCEEDED))
        session.execute(update(Video).where(Video.id == video_id).values(interval=2.0))


def test_something_known_says_how_it_was_looked_at_and_is_looked_at_again(
    client: FlaskClient, context: Context
) -> None:
    first = upload(client, tiny_video(), "a.mp4", interval="2").get_json()
    early = upload(client, tiny_video(), "a.mp4", interval="0.5", again="1")
    assert (early.status_code, early.get_json()["error"]["code"]) == (409, "conflict")
    _end(context, first["video_id"])
    same = upload(client, tiny_video(), "b.mp4", interval="0.5").get_json()
    assert (same["duplicate"], same["again"], same["interval"], same["job_id"]) == (True, False, 2.0, first["job_id"])
    page = upload(client, tiny_video(), "c.mp4", path="/add/file")
    assert "looked at every 2 s" in client.get(page.location).get_data(as_text=True)
    again = upload(client, tiny_video(), "d.mp4", interval="0.5", sampling="adaptive", again="1").get_json()
    assert (again["again"], again["interval"], again["sampling"]) == (True, 0.5, "adaptive")
    assert again["job_id"] != first["job_id"]


def test_looking_again_by_the_button_and_by_the_api(client: FlaskClient, context: Context) -> None:
    video_id = upload(client, tiny_video(), "a.mp4").get_json()["video_id"]
    assert "Look again" not in client.get(f"/videos/{video_id}").get_data(as_text=True)
    refused = client.post(f"/videos/{video_id}/again", data={"interval": "0.5"}, follow_redirects=True)
    assert "being looked at just now" in refused.get_data(as_text=True)
    _end(context, video_id)
    assert "Look again" in client.get(f"/videos/{video_id}").get_data(as_text=True)
    done = client.post(f"/videos/{video_id}/again", data={"interval": "0.5", "sampling": ""}, follow_redirects=True)
    assert "It is looked at again." in done.get_data(as_text=True)
    _end(context, video_id)
    body = client.post(f"/api/videos/{video_id}/again", json={"interval": 0.25}).get_json()
    assert (body["video_id"], body["interval"], body["again"]) == (video_id, 0.25, True)
    assert client.post("/api/videos/999/again", json={}).status_code == 404
    assert client.post(f"/api/videos/{video_id}/again", json={"sampling": "never"}).status_code == 422


@pytest.mark.parametrize("form", [{"again": "perhaps"}, {"sampling": "often"}])
def test_wrong_options_are_named(client: FlaskClient, form: dict[str, str]) -> None:
    assert upload(client, tiny_video(), "a.mp4", **form).status_code == 400
