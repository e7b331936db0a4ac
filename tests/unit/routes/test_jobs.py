from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app.domain import JobKind, JobState, QueueName
from app.models import JobLog
from app.services.context import Context
from app.storage import batches as batch_rows
from tests.library import Library, RecordingQueue, ago


def ids(client: FlaskClient, query: str = "") -> list[str]:
    response = client.get(f"/api/jobs{query}")
    assert response.status_code == 200, response.get_data(as_text=True)
    return [job["job_id"] for job in response.get_json()["jobs"]]


@pytest.fixture
def five(library: Library, context: Context) -> dict[str, str]:
    """Five jobs of all sorts, and a part of one of them."""
    with context.database.write() as session:
        batch = batch_rows.add(session, "2 links").id
    film = library.video("Summer in Rome", state=None, source_url="https://example.org/rome.mp4")
    made = {
        "batch": batch,
        "oldest": library.job(film, kind=JobKind.FETCH_VIDEO, queue=QueueName.DOWNLOAD, created_at=ago(minutes=50)),
        "failed": library.job(state=JobState.FAILED, created_at=ago(minutes=40), batch_id=batch),
        "urgent": library.job(priority=10, created_at=ago(minutes=30), batch_id=batch),
        "grouping": library.job(
            kind=JobKind.CLUSTER, queue=QueueName.CLUSTER, state=JobState.RUNNING, created_at=ago(minutes=20)
        ),
        "newest": library.job(state=JobState.SUCCEEDED, created_at=ago(minutes=10), updated_at=ago(minutes=45)),
    }
    library.job(kind=JobKind.SEGMENT, parent_id=made["urgent"])
    return made


LISTS: dict[str, list[str]] = {
    "": ["newest", "grouping", "urgent", "failed", "oldest"],
    "?order=asc": ["oldest", "failed", "urgent", "grouping", "newest"],
    "?sort=updated_at&order=asc&limit=1": ["newest"],
    "?sort=priority": ["urgent", "oldest", "failed", "grouping", "newest"],
    "?state=queued": ["urgent", "oldest"],
    "?state=failed,running": ["grouping", "failed"],
    "?state=failed&state=running": ["grouping", "failed"],
    "?kind=cluster": ["grouping"],
    "?queue=download,cluster": ["grouping", "oldest"],
    "?text=rome+SUMMER": ["oldest"],
    "?text=example.org/rome": ["oldest"],
    "?text=100%25": [],  # no wildcard
    "?video_id=1": ["oldest"],
}


def test_list(client: FlaskClient, five: dict[str, str]) -> None:
    names = {job_id: name for name, job_id in five.items()}
    found = {query: [names[job_id] for job_id in ids(client, query)] for query in LISTS}
    assert found == LISTS


def test_list_by_batch_and_id(client: FlaskClient, five: dict[str, str]) -> None:
    assert ids(client, f"?batch_id={five['batch']}") == [five["urgent"], five["failed"]]
    assert ids(client, f"?text={five['newest'][:8].upper()}") == [five["newest"]]


def test_counts_are_of_all_states(client: FlaskClient, five: dict[str, str]) -> None:
    body = client.get("/api/jobs?state=failed&limit=1").get_json()
    assert body["total"] == 1
    expected = {"queued": 2, "running": 1, "paused": 0, "succeeded": 1, "failed": 1, "cancelled": 0}
    assert body["counts"] == expected


def test_the_cursor_walks_through_all_while_jobs_are_added(client: FlaskClient, library: Library) -> None:
    same = ago(minutes=5)  # ids tell jobs of one moment apart
    there = {
        library.job(state=JobState.FAILED, priority=number % 3, created_at=same, updated_at=same) for number in range(8)
    }
    for sort in ("created_at", "updated_at", "priority"):
        for order in ("asc", "desc"):
            seen, cursor = [], ""
            while cursor is not None:
                query = f"limit=3&sort={sort}&order={order}" + (f"&cursor={cursor}" if cursor else "")
                body = client.get(f"/api/jobs?{query}").get_json()
                seen += [job["job_id"] for job in body["jobs"]]
                cursor = body["next_cursor"]
                if len(seen) < 7:
                    library.job(state=JobState.FAILED)
            assert len(seen) == len(set(seen)), "nothing twice"
            assert there <= set(seen), "nothing left out"


REFUSED = {
    "?state=happy": 422,
    "?limit=0": 422,
    "?limit=501": 422,
    "?sort=size": 422,
    "?cursor=abc": 400,
    "?cursor=WyJqb2JzOmNyZWF0ZWRfYXQ6VHJ1ZSIsMSwyXQ": 400,
    "?cursor=" + "a" * 500: 422,
    "?video_id=-1": 422,
}


def test_list_refuses(client: FlaskClient) -> None:
    assert {query: client.get(f"/api/jobs{query}").status_code for query in REFUSED} == REFUSED


def test_a_cursor_is_of_no_use_in_another_order(client: FlaskClient, five: dict[str, str]) -> None:
    cursor = client.get("/api/jobs?limit=1").get_json()["next_cursor"]
    assert client.get(f"/api/jobs?limit=1&sort=priority&cursor={cursor}").status_code == 400


def test_status_tells_everything(client: FlaskClient, library: Library, context: Context) -> None:
    again = ago(minutes=-2)
    video = library.video(state=None, size_bytes=2_000_000)
    job = library.job(
        video,
        kind=JobKind.FETCH_VIDEO,
        queue=QueueName.VISION,
        step="looking",
        state=JobState.RUNNING,
        done=15.0,
        total=60.0,
        seconds_left=9.0,
        started_at=ago(minutes=1),
        priority=10,
        attempts=2,
        interruptions=1,
        not_before=again,
    )
    library.job(kind=JobKind.SEGMENT, parent_id=job, state=JobState.SUCCEEDED)
    library.job(kind=JobKind.SEGMENT, parent_id=job, state=JobState.RUNNING)
    with context.database.write() as session:
        session.add_all([JobLog(job_id=job, message=f"Line {number}.") for number in range(30)])
    body = client.get(f"/api/job_status/{job}").get_json()
    assert body == client.get(f"/api/jobs/{job}").get_json()
    assert (body["queue"], body["priority"], body["attempts"], body["interruptions"]) == ("vision", 10, 2, 1)
    assert (body["seconds_left"], body["progress"]) == (9.0, 0.25)
    assert body["next_try_at"].startswith(again.strftime("%Y-%m-%dT%H:%M"))
    assert [(step["name"], step["state"], step["done"], step["total"]) for step in body["steps"]] == [
        ("waiting", "done", None, None),
        ("downloading", "done", 2e6, 2e6),
        ("looking", "running", 15.0, 60.0),
        ("linking", "to_come", None, None),
        ("done", "to_come", None, None),
    ]
    assert [step["progress"] for step in body["steps"]] == [1.0, 1.0, 0.25, 0.0, 0.0]
    assert body["segments"] == {"total": 2, "done": 1, "succeeded": 1, "running": 1}
    assert [line["message"] for line in body["log"]] == [f"Line {number}." for number in range(10, 30)]


def test_log_after_a_line(client: FlaskClient, library: Library, context: Context) -> None:
    job = library.job()
    with context.database.write() as session:
        session.add_all([JobLog(job_id=job, message=f"Line {number}.", level="warning") for number in range(3)])
    lines = client.get(f"/api/jobs/{job}/log").get_json()["log"]
    assert [(line["message"], line["level"]) for line in lines] == [(f"Line {n}.", "warning") for n in range(3)]
    rest = client.get(f"/api/jobs/{job}/log?after={lines[1]['id']}").get_json()["log"]
    assert rest == lines[2:]
    assert client.get("/api/jobs/nothing/log").status_code == 404


ALLOWED = {
    "cancel": {JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED},
    "pause": {JobState.QUEUED, JobState.RUNNING, JobState.PAUSED},
    "resume": {JobState.PAUSED},
    "retry": {JobState.FAILED, JobState.CANCELLED},
}
BECOMES = {"cancel": "cancelled", "pause": "paused", "resume": "queued", "retry": "queued"}


@pytest.mark.parametrize("action", ALLOWED)
def test_actions(client: FlaskClient, library: Library, action: str) -> None:
    assert client.post(f"/api/jobs/nothing/{action}").status_code == 404
    for state in JobState:
        job = library.job(library.video(state=None), state=state)
        response = client.post(f"/api/jobs/{job}/{action}")
        body = response.get_json()
        if state in ALLOWED[action]:
            assert (response.status_code, body["status"]) == (202, BECOMES[action])
        else:
            assert (response.status_code, body["error"]["code"]) == (409, "conflict")
            assert body["error"]["message"].startswith("This job ")
            assert client.get(f"/api/jobs/{job}").get_json()["status"] == state.value


def test_what_waits_again_is_announced(client: FlaskClient, library: Library, context: Context) -> None:
    job = library.job(library.video(state=None), state=JobState.FAILED)
    client.post(f"/api/jobs/{job}/retry")
    assert isinstance(context.queue, RecordingQueue)
    assert QueueName.VISION in context.queue.woken


def test_actions_are_in_the_log(client: FlaskClient, library: Library) -> None:
    job = library.job(library.video(state=None))
    for action in ("pause", "resume", "cancel", "retry"):
        assert client.post(f"/api/jobs/{job}/{action}").status_code == 202
    assert [line["message"] for line in client.get(f"/api/jobs/{job}/log").get_json()["log"]] == [
        "Paused.",
        "Resumed.",
        "Cancelled; what was found so far stays.",
        "To be tried again.",
    ]


def test_a_second_grouping_that_waits_is_refused_in_words(client: FlaskClient, library: Library) -> None:
    job = library.job(kind=JobKind.CLUSTER, queue=QueueName.CLUSTER, state=JobState.FAILED)
    library.job(kind=JobKind.CLUSTER, queue=QueueName.CLUSTER)
    response = client.post(f"/api/jobs/{job}/retry")
    assert response.status_code == 409
    assert "Another grouping" in response.get_json()["error"]["message"]


def test_keep_is_read(client: FlaskClient, library: Library) -> None:
    for options, status in (
        ({"json": {"keep": True}}, 202),
        ({"query_string": {"keep": "1"}}, 202),
        ({"data": {"keep": "true"}}, 202),
        ({"json": {"keep": "perhaps"}}, 422),
        ({"query_string": {"keep": "perhaps"}}, 422),
        ({"json": {"keeps": True}}, 422),
    ):
        job = library.job(library.video(state=None))
        assert client.post(f"/api/jobs/{job}/cancel", **options).status_code == status, options
