from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient

from app.domain import JobKind, JobState
from app.models import Batch, Job
from app.services.context import Context
from tests.library import Library

URL = "https://example.org/clip.mp4"


def test_process_url(client: FlaskClient, context: Context) -> None:
    response = client.post("/api/process_url", json={"url": URL, "interval": 2})
    assert response.status_code == 202
    body = response.get_json()
    assert (body["url"], body["duplicate"]) == (URL, False)
    status = client.get(body["status_url"]).get_json()
    assert (status["job_id"], status["status"], status["kind"]) == (body["job_id"], "queued", "fetch_video")
    assert status["video_id"] == body["video_id"]


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        pytest.param({"json": {"url": "file:///etc/passwd"}}, 400, "invalid_input", id="file"),
        pytest.param({"json": {"url": "not an address"}}, 400, "invalid_input", id="no-address"),
        pytest.param({"json": {"url": ""}}, 422, "invalid_input", id="empty"),
        pytest.param({"json": {}}, 422, "invalid_input", id="missing"),
        pytest.param({"json": {"url": URL, "intervall": 1}}, 422, "invalid_input", id="misspelt"),
        pytest.param({"json": {"url": URL, "interval": 0}}, 422, "invalid_input", id="interval"),
        pytest.param({"json": [URL]}, 400, "invalid_input", id="list"),
        pytest.param({"data": "{", "content_type": "application/json"}, 400, "invalid_input", id="malformed"),
        pytest.param({"data": URL, "content_type": "text/csv"}, 415, "unsupported_media_type", id="csv"),
    ],
)
def test_process_url_refuses(client: FlaskClient, options: dict[str, object], status: int, code: str) -> None:
    response = client.post("/api/process_url", **options)
    assert response.status_code == status
    assert response.get_json()["error"]["code"] == code


def test_process_url_as_a_form(client: FlaskClient) -> None:
    assert client.post("/api/process_url", data={"url": URL}).status_code == 202


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"json": {"urls": [URL, "ftp://no", "http://example.org/2.mp4"]}}, id="list"),
        pytest.param({"json": {"urls": f"{URL}\n\n ftp://no \nhttp://example.org/2.mp4"}}, id="lines"),
        pytest.param({"data": f"{URL}\nftp://no\nhttp://example.org/2.mp4", "content_type": "text/plain"}, id="text"),
        pytest.param(
            {
                "data": {
                    "list": (
                        io.BytesIO(f"\ufeff# mine\n{URL}\r\nftp://no\nhttp://example.org/2.mp4".encode()),
                        "links.txt",
                    )
                }
            },
            id="file",
        ),
        pytest.param(
            {"data": {"urls": URL, "list": (io.BytesIO(b"ftp://no\nhttp://example.org/2.mp4"), "a.txt")}}, id="both"
        ),
    ],
)
def test_process_urls(client: FlaskClient, options: dict[str, object]) -> None:
    response = client.post("/api/process_urls", **options)
    assert response.status_code == 202
    body = response.get_json()
    assert [item["url"] for item in body["submissions"]] == [URL, "http://example.org/2.mp4"]
    assert [(item["url"], item["error"]["code"]) for item in body["rejected"]] == [("ftp://no", "invalid_input")]
    assert body["batch_id"]


@pytest.mark.parametrize(
    ("body", "status"), [({"urls": []}, 422), ({"urls": ["ftp://no"]}, 400), ({"urls": ["http://a"] * 10_001}, 422)]
)
def test_process_urls_refuses(client: FlaskClient, body: dict[str, object], status: int) -> None:
    assert client.post("/api/process_urls", json=body).status_code == status


def test_a_list_that_is_no_text_is_refused(client: FlaskClient) -> None:
    response = client.post("/api/process_urls", data={"list": (io.BytesIO(b"\xff\xfe\x00"), "film.mp4")})
    assert response.status_code == 400
    assert "no text file" in response.get_json()["error"]["message"]


def test_ten_thousand_links_as_one_form(client: FlaskClient, context: Context) -> None:
    """Large forms are read where lists of links are taken, and nowhere else."""
    text = "\n".join(f"https://example.org/a/rather/long/path/to/a/film/{number}.mp4" for number in range(10_000))
    response = client.post("/api/process_urls", data={"urls": text, "title": "Everything"})
    assert response.status_code == 202
    body = response.get_json()
    assert len(body["submissions"]) == 10_000
    with context.database.session() as session:
        assert session.get_one(Batch, body["batch_id"]).title == "Everything"
    assert client.post("/api/process_url", data={"url": "x" * 2_000_000}).status_code == 413


def test_options_of_a_link(client: FlaskClient, context: Context) -> None:
    asked = {"url": URL, "playlist": True, "priority": 7, "sampling": "scenes", "webhook_url": "https://hook.example/"}
    body = client.post("/api/process_url", json=asked).get_json()
    with context.database.session() as session:
        job = session.get_one(Job, body["job_id"])
    assert (job.priority, job.params["playlist"], job.params["sampling"]) == (7, True, "scenes")
    assert job.params["webhook_url"] == "https://hook.example/"
    for wrong in ({"priority": 101}, {"playlist": "perhaps"}, {"webhook_url": "file:///etc/passwd"}):
        assert client.post("/api/process_url", json={"url": URL, **wrong}).status_code in (400, 422)


def fill(library: Library) -> tuple[int, int]:
    video = library.video(job={"faces_found": 5, "total": 60.0, "done": 60.0})
    ada = library.person("Ada")
    library.track(video, ada, [1.0, 2.0, 3.0])
    library.track(video, ada, [10.0])
    library.track(video, library.person(), [1.0, 2.0])
    return video, ada


def test_video_info(client: FlaskClient, library: Library) -> None:
    video, ada = fill(library)
    body = client.get(f"/api/video_info/{video}").get_json()
    assert (body["video"]["video_id"], body["video"]["face_count"], body["video"]["people_count"]) == (video, 6, 2)
    assert body["video"]["status"] == "succeeded"
    assert body["total_faces"] == 6
    first = body["people"][0]
    assert (first["person_id"], first["name"], first["face_count"]) == (ada, "Ada", 4)
    assert first["intervals"] == [{"start": 1.0, "end": 4.0}, {"start": 10.0, "end": 11.0}]
    assert first["seconds"] == 4.0
    assert [face["timestamp"] for face in body["faces"]] == [1.0, 1.0, 2.0, 2.0, 3.0, 10.0]
    face = body["faces"][0]
    assert face["box"] == {"x1": 10.0, "y1": 20.0, "x2": 110.0, "y2": 140.0}
    assert client.get(face["image_url"]).mimetype == "image/jpeg"
    part = client.get(f"/api/video_info/{video}?faces_limit=2&faces_offset=4").get_json()
    assert [face["timestamp"] for face in part["faces"]] == [3.0, 10.0]


def test_videos_are_paged(client: FlaskClient, library: Library) -> None:
    for number in range(3):
        library.video(f"Clip {number}")
    body = client.get("/api/videos?per_page=2").get_json()
    assert ([video["title"] for video in body["videos"]], body["total"], body["pages"]) == (["Clip 2", "Clip 1"], 3, 2)
    assert [video["title"] for video in client.get("/api/videos?per_page=2&page=2").get_json()["videos"]] == ["Clip 0"]


def test_delete_video(client: FlaskClient, library: Library, context: Context) -> None:
    video, _ = fill(library)
    assert client.delete(f"/api/videos/{video}").status_code == 204
    assert client.get(f"/api/video_info/{video}").status_code == 404
    assert client.delete(f"/api/videos/{video}").status_code == 404
    assert [person["name"] for person in client.get("/api/people").get_json()["people"]] == ["Ada"]
    assert not context.blobs.exists(f"videos/{video}/original.mp4")


def test_people_and_their_appearances(client: FlaskClient, library: Library) -> None:
    video, ada = fill(library)
    people = client.get("/api/people").get_json()
    assert people["total"] == 2
    assert [(person["label"], person["face_count"], person["seconds"]) for person in people["people"]] == [
        ("Ada", 4, 4.0),
        (f"Person {ada + 1}", 2, 2.0),
    ]
    assert client.get("/api/people?only=unnamed").get_json()["total"] == 1
    person = client.get(f"/api/people/{ada}").get_json()
    assert person["person"]["video_count"] == 1
    assert person["appearances"][0]["video"]["video_id"] == video
    assert person["appearances"][0]["intervals"][1] == {"start": 10.0, "end": 11.0}


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        ({"name": "  Grace   Hopper "}, 200, "Grace Hopper"),
        ({"name": "张伟"}, 200, "张伟"),
        ({"name": ""}, 200, None),
        ({"name": None}, 200, None),
        ({"name": "a" * 201}, 422, "Ada"),
        ({"name": 5}, 422, "Ada"),
        ({}, 422, "Ada"),
    ],
)
def test_rename(client: FlaskClient, library: Library, body: dict[str, object], status: int, name: str | None) -> None:
    _, ada = fill(library)
    response = client.patch(f"/api/people/{ada}", json=body)
    assert response.status_code == status
    assert client.get(f"/api/people/{ada}").get_json()["person"]["name"] == name
    if status == 200:
        assert response.get_json()["person"]["name"] == name


def test_rename_nobody(client: FlaskClient) -> None:
    assert client.patch("/api/people/9", json={"name": "x"}).status_code == 404


def test_clusters(client: FlaskClient, library: Library) -> None:
    video, ada = fill(library)
    library.track(video, None, [30.0], usable=False)
    body = client.get("/api/clusters?faces_per_cluster=2").get_json()
    assert (body["total_clusters"], body["total_faces"], body["unassigned_faces"]) == (2, 7, 1)
    first = body["clusters"][0]
    assert (first["cluster_id"], first["name"], first["face_count"], len(first["faces"])) == (ada, "Ada", 4, 2)
    assert {face["person_id"] for face in first["faces"]} == {ada}


def test_cluster_faces_is_queued_once(client: FlaskClient) -> None:
    first = client.post("/api/cluster_faces")
    assert first.status_code == 202
    assert client.get(first.get_json()["status_url"]).get_json()["kind"] == "cluster"
    assert client.post("/api/cluster_faces").get_json()["job_id"] == first.get_json()["job_id"]


def test_job_status_tells_the_reason_of_a_failure(client: FlaskClient, library: Library) -> None:
    job = library.job(state=JobState.FAILED, error="The file is no video.", error_code="unreadable_media")
    body = client.get(f"/api/job_status/{job}").get_json()
    assert body["status"] == "failed"
    assert body["error"] == {"code": "unreadable_media", "message": "The file is no video."}


def test_job_status_while_running(client: FlaskClient, library: Library) -> None:
    video = library.video(state=None)
    job = library.job(
        video, state=JobState.RUNNING, step="looking", done=15.0, total=60.0, faces_found=4, seconds_left=9.0
    )
    body = client.get(f"/api/job_status/{job}").get_json()
    assert (body["progress"], body["done"], body["total"], body["faces_found"]) == (0.25, 15.0, 60.0, 4)
    assert body["seconds_left"] == 9.0
    assert body["error"] is None


def test_cancel(client: FlaskClient, library: Library) -> None:
    job = library.job(library.video(state=None), kind=JobKind.PROCESS_VIDEO)
    response = client.post(f"/api/jobs/{job}/cancel")
    assert (response.status_code, response.get_json()["status"]) == (202, "cancelled")
    assert client.get(f"/api/job_status/{job}").get_json()["status"] == "cancelled"
