from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app.domain import JobKind, JobState, QueueName
from app.services.context import Context
from app.storage import batches as batch_rows
from tests.library import Library, RecordingQueue


def make_batch(context: Context, title: str = "4 links") -> str:
    with context.database.write() as session:
        return batch_rows.add(session, title).id


@pytest.fixture
def batch(library: Library, context: Context) -> str:
    """A batch of four jobs, one of which was cut into parts."""
    made = make_batch(context)
    for state, fields in (
        (JobState.SUCCEEDED, {"faces_found": 7}),
        (JobState.RUNNING, {"done": 15.0, "total": 60.0, "faces_found": 2}),
        (JobState.FAILED, {}),
        (JobState.QUEUED, {}),
    ):
        job = library.job(library.video(state=None), state=state, batch_id=made, **fields)
    library.job(kind=JobKind.SEGMENT, parent_id=job, batch_id=made)
    library.job(state=JobState.RUNNING)
    return made


def test_sums(client: FlaskClient, batch: str) -> None:
    body = client.get(f"/api/batches/{batch}").get_json()
    assert (body["title"], body["status"], body["total"], body["open"]) == ("4 links", "running", 4, 2)
    expected = {"queued": 1, "running": 1, "paused": 0, "succeeded": 1, "failed": 1, "cancelled": 0}
    assert body["jobs"] == expected
    assert body["progress"] == pytest.approx((1 + 0.25 + 1 + 0) / 4, abs=1e-4)
    assert body["faces_found"] == 9
    assert client.get(body["jobs_url"]).get_json()["total"] == 4


def test_actions(client: FlaskClient, batch: str, context: Context) -> None:
    def post(action: str) -> tuple[int, dict[str, int]]:
        body = client.post(f"/api/batches/{batch}/{action}").get_json()
        return body["changed"], {state: count for state, count in body["jobs"].items() if count}

    assert post("pause") == (2, {"paused": 2, "succeeded": 1, "failed": 1})
    # the one with parts waits for those, not for a worker
    assert post("resume") == (2, {"queued": 1, "running": 1, "succeeded": 1, "failed": 1})
    assert post("cancel") == (2, {"cancelled": 2, "succeeded": 1, "failed": 1})
    assert post("cancel") == (0, {"cancelled": 2, "succeeded": 1, "failed": 1})
    assert post("retry") == (3, {"queued": 2, "running": 1, "succeeded": 1})
    assert isinstance(context.queue, RecordingQueue)
    assert QueueName.VISION in context.queue.woken


def test_list(client: FlaskClient, context: Context) -> None:
    made = [make_batch(context, f"Batch {number}") for number in range(5)]
    seen, cursor = [], None
    while True:
        body = client.get("/api/batches?limit=2" + (f"&cursor={cursor}" if cursor else "")).get_json()
        seen += [row["batch_id"] for row in body["batches"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]
    assert client.get("/api/batches?cursor=nonsense").status_code == 400


def test_an_empty_batch_has_ended(client: FlaskClient, context: Context) -> None:
    body = client.get(f"/api/batches/{make_batch(context)}").get_json()
    assert (body["total"], body["open"], body["status"], body["progress"]) == (0, 0, "succeeded", 0.0)


def test_no_such_batch(client: FlaskClient) -> None:
    for path in ("", "/events"):
        assert client.get(f"/api/batches/nothing{path}").status_code == 404
    for action in ("cancel", "pause", "resume", "retry"):
        assert client.post(f"/api/batches/nothing/{action}").status_code == 404


def test_links_handed_in_together_are_a_batch(client: FlaskClient) -> None:
    body = client.post(
        "/api/process_urls", json={"urls": ["https://example.org/a", "https://example.org/b"]}
    ).get_json()
    assert client.get(f"/api/batches/{body['batch_id']}").get_json()["total"] == 2
