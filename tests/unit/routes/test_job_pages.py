from __future__ import annotations

from importlib import import_module

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from app.domain import JobKind, JobState, QueueName
from app.models import JobLog
from app.services.context import Context
from app.storage import batches as batch_rows
from app.storage import jobs as job_rows
from app.storage import videos as video_rows
from tests.library import Library, ago
from tests.unit.routes.test_pages import page


@pytest.fixture
def batch(context: Context) -> str:
    with context.database.write() as session:
        return batch_rows.add(session, "Links <from> the trip").id


def fill(library: Library, batch: str) -> dict[str, str]:
    """A job in every state, of every kind."""
    found = {}
    for number, state in enumerate(JobState):
        video = library.video(f"Film {state.value}", state=None)
        found[state.value] = library.job(
            video,
            state=state,
            batch_id=batch,
            started_at=ago(minutes=2),
            attempts=number,
            done=3.0,
            total=9.0,
            step="looking",
        )
    for kind in (JobKind.CLUSTER, JobKind.EXPORT):
        found[kind.value] = library.job(kind=kind, state=JobState.SUCCEEDED, params={"format": "csv"})
    return found


def test_the_page_of_all_jobs(client: FlaskClient, library: Library, batch: str) -> None:
    fill(library, batch)
    library.job(state=JobState.QUEUED, error="The site has a problem of its own.", not_before=ago(minutes=-5))
    text = page(client, "/jobs")
    assert [name for name in ("Running", "Waiting", "Paused", "Failed", "Done") if f">{name}</h2>" in text] == [
        "Running",
        "Waiting",
        "Paused",
        "Failed",
        "Done",
    ]
    assert "Links &lt;from&gt; the trip" in text
    assert "next try" in text
    for words in ("Downloads", "Looking for faces", "Grouping", "Exports", "Resume", "Try again", "Download", "Log"):
        assert words in text


def test_one_section_piece_by_piece(client: FlaskClient, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("app.services.library.jobs_page"), "MANY", 2)
    jobs = [library.job(created_at=ago(minutes=9 - number)) for number in range(5)]
    first = page(client, "/jobs?show=waiting")
    assert [job in first for job in jobs] == [True, True, False, False, False]
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = page(client, following)
    assert [job in second for job in jobs] == [False, False, True, True, False]
    assert "First page" in second
    assert client.get("/jobs?show=waiting&cursor=nonsense").status_code == 400


def test_a_batch_and_a_search(client: FlaskClient, library: Library, batch: str) -> None:
    jobs = fill(library, batch)
    text = page(client, f"/jobs?batch={batch}")
    assert "<h1>Links &lt;from&gt; the trip</h1>" in text
    assert jobs["running"] in text
    assert jobs["export"] not in text
    assert "Exports" not in text
    found = page(client, "/jobs?text=film+fail")
    assert (jobs["failed"] in found, jobs["running"] in found) == (True, False)
    assert "No such jobs." in page(client, "/jobs?text=nothing+of+the+kind")
    assert client.get("/jobs?batch=nothing").status_code == 404


def test_one_job(client: FlaskClient, library: Library, context: Context, batch: str) -> None:
    jobs = fill(library, batch)
    library.job(kind=JobKind.SEGMENT, parent_id=jobs["running"])
    with context.database.write() as session:
        session.add(JobLog(job_id=jobs["failed"], level="error", message="It is <no> video."))
    for job in jobs.values():
        assert "Steps" in page(client, f"/jobs/{job}")
    assert "3 of 9 frames" in page(client, f"/jobs/{jobs['running']}")
    assert "cut into 1 part" in page(client, f"/jobs/{jobs['running']}")
    assert "It is &lt;no&gt; video." in page(client, f"/jobs/{jobs['failed']}")
    assert client.get("/jobs/nothing").status_code == 404


def test_forms(client: FlaskClient, library: Library, batch: str) -> None:
    job = library.job(library.video(state=None), batch_id=batch)

    def post(path: str, **form: str) -> str:
        response = client.post(path, data={"next": "/jobs?show=waiting", **form})
        assert (response.status_code, response.location) == (303, "/jobs?show=waiting")
        status: str = client.get(f"/api/jobs/{job}").get_json()["status"]
        return status

    assert post(f"/jobs/{job}/pause") == "paused"
    assert post(f"/jobs/{job}/resume") == "queued"
    assert post(f"/jobs/{job}/resume") == "queued"
    assert "This job waits already" in page(client, "/jobs"), "what cannot be done is said"
    assert post(f"/batches/{batch}/pause") == "paused"
    assert post(f"/batches/{batch}/resume") == "queued"
    assert post(f"/batches/{batch}/cancel", keep="true") == "cancelled"
    assert post(f"/batches/{batch}/retry") == "queued"
    assert post(f"/jobs/{job}/cancel", keep="true") == "cancelled"
    assert post(f"/jobs/{job}/retry") == "queued"
    assert client.post(f"/jobs/{job}/pause", data={"next": "https://evil.example/"}).location == "/"
    assert client.post(f"/jobs/{job}/delete").status_code == 404


def test_queue_forms(client: FlaskClient) -> None:
    def queue() -> tuple[bool, int | None]:
        row = client.get("/api/queues").get_json()["queues"][0]
        return row["paused"], row["concurrency"]

    for form, expected in (
        ({"action": "pause"}, (True, 2)),
        ({"action": "resume"}, (False, 2)),
        ({"concurrency": "5"}, (False, 5)),
        ({"concurrency": ""}, (False, 2)),
    ):
        assert client.post(f"/queues/{QueueName.DOWNLOAD}", data=form).status_code == 303
        assert queue() == expected
    for wrong in ("0", "257", "x", "٣", "9" * 30):
        assert client.post("/queues/download", data={"concurrency": wrong}).status_code == 400
    assert client.post("/queues/secret", data={"action": "pause"}).status_code == 404


def test_export_from_the_page(client: FlaskClient) -> None:
    response = client.post("/jobs/export")
    assert response.status_code == 303
    assert "Export all faces" in page(client, response.location)


def test_thousands_of_jobs_cost_no_more_statements(
    client: FlaskClient, library: Library, context: Context, batch: str
) -> None:
    statements: list[str] = []

    @event.listens_for(context.database.engine, "before_cursor_execute")
    def _count(_c: object, _u: object, statement: str, *_: object) -> None:
        statements.append(statement)

    def look(path: str) -> tuple[int, int]:
        statements.clear()
        size = len(client.get(path).get_data())
        return len(statements), size

    def add(count: int) -> None:
        with context.database.write() as session:
            videos = video_rows.add_links(
                session, [("a.mp4", f"https://example.org/{n}", f"https://example.org/{n}") for n in range(count)]
            )
            items = [job_rows.NewJob(video_id=video, params={}) for video in videos]
            job_rows.add_many(session, JobKind.FETCH_VIDEO, items, batch_id=batch)

    paths = ["/jobs", "/jobs?show=waiting", f"/jobs?batch={batch}", "/api/jobs", f"/api/batches/{batch}"]
    add(100)
    few = [look(path) for path in paths]
    add(3000)
    many = [look(path) for path in paths]
    assert [count for count, _ in many] == [count for count, _ in few]
    assert max(size for _, size in many) < 200_000
