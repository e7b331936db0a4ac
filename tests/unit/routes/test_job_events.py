from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.domain import JobState
from app.models import JobLog
from app.routes.job_events import Pace, batch_stream, job_stream, parse_job_event_id
from app.services.context import Context
from app.services.erase import delete_video
from app.storage import batches as batch_rows
from tests.library import Library

Event = tuple[str, dict[str, object], str]


@pytest.fixture
def request_context(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        yield


def read(stream: Iterator[str]) -> Iterator[Event]:
    """The events of a stream, each with its name, data and id."""
    assert next(stream).startswith("retry: ")
    for text in stream:
        for block in text.split("\n\n"):
            if block:
                lines = dict(line.split(": ", 1) for line in block.splitlines())
                yield lines.get("event", ""), json.loads(lines.get("data", "{}")), lines.get("id", "")


def quick(heartbeat: float = 60.0) -> Pace:
    return Pace(lambda: False, 0.0, heartbeat)


def write_line(context: Context, job: str, message: str) -> None:
    with context.database.write() as session:
        session.add(JobLog(job_id=job, message=message))


def test_a_job_from_its_start_to_its_end(context: Context, library: Library, request_context: None) -> None:
    job = library.job(library.video(state=None), state=JobState.RUNNING, step="looking", done=1.0, total=4.0)
    other = library.job(library.video(state=None))
    write_line(context, job, "Taken by a worker.")
    events = read(job_stream(context, job, (0, 0), quick()))
    name, data, _ = next(events)
    assert (name, data["message"]) == ("log", "Taken by a worker.")
    name, data, _ = next(events)
    assert (name, data["job_id"], data["progress"]) == ("job", job, 0.25)
    library.change_job(other, done=3.0)
    library.change_job(job, done=2.0)
    name, data, _ = next(events)
    assert (name, data["job_id"], data["progress"]) == ("job", job, 0.5)
    write_line(context, job, "Done.")
    library.change_job(job, state=JobState.SUCCEEDED)
    assert [(name, data.get("status", data.get("message"))) for name, data, _ in events] == [
        ("log", "Done."),
        ("job", "succeeded"),
        ("end", "succeeded"),
    ]


def test_a_listener_that_comes_back_hears_what_it_missed(
    client: FlaskClient, context: Context, library: Library, request_context: None
) -> None:
    job = library.job(state=JobState.RUNNING)
    write_line(context, job, "One.")
    events = read(job_stream(context, job, (0, 0), quick()))
    told = [next(events), next(events)][-1][2]
    write_line(context, job, "Two.")
    library.change_job(job, state=JobState.FAILED)
    text = client.get(f"/api/jobs/{job}/events", headers={"Last-Event-ID": told}).get_data(as_text=True)
    missed = list(read(iter([text.partition("\n\n")[0] + "\n\n", text.partition("\n\n")[2]])))
    assert [name for name, *_ in missed] == ["log", "job", "end"]
    assert missed[0][1]["message"] == "Two."
    last = missed[1][2]
    assert client.get(f"/api/jobs/{job}/events", headers={"Last-Event-ID": last}).status_code == 204
    whole = client.get(f"/api/jobs/{job}/events", headers={"Last-Event-ID": "nonsense"}).get_data(as_text=True)
    assert whole.count("event: log") == 2


def test_a_job_that_is_deleted(context: Context, library: Library, request_context: None) -> None:
    video = library.video(state=None)
    events = read(job_stream(context, library.job(video), (0, 0), quick()))
    assert next(events)[0] == "job"
    delete_video(context, video)
    assert [(name, data) for name, data, _ in events] == [("end", {"status": "deleted"})]


def test_silence_is_filled_and_the_server_may_stop(context: Context, library: Library, request_context: None) -> None:
    over: list[bool] = []
    stream = job_stream(context, library.job(), (0, 0), Pace(lambda: bool(over), 0.0, 0.0))
    texts = [next(stream) for _ in range(3)]
    assert texts[2] == ": still here\n\n"
    over.append(True)
    assert next(stream, None) is None


def test_a_batch_until_its_last_job(context: Context, library: Library, request_context: None) -> None:
    with context.database.write() as session:
        batch = batch_rows.add(session, "2 links").id
    first, second = (library.job(library.video(state=None), batch_id=batch) for _ in range(2))
    library.job()
    events = read(batch_stream(context, batch, None, quick()))
    found = [next(events) for _ in range(3)]
    assert {data["job_id"] for name, data, _ in found if name == "job"} == {first, second}
    assert (found[-1][0], found[-1][1]["open"]) == ("batch", 2)
    assert int(found[-1][2]) > 0
    library.change_job(first, state=JobState.SUCCEEDED)
    assert [(name, data["status"]) for name, data, _ in (next(events), next(events))] == [
        ("job", "succeeded"),
        ("batch", "queued"),
    ]
    library.change_job(second, state=JobState.FAILED)
    assert [name for name, *_ in events] == ["job", "batch", "end"]


def test_a_batch_that_is_over_is_not_told_twice(client: FlaskClient, context: Context, library: Library) -> None:
    with context.database.write() as session:
        batch = batch_rows.add(session, "1 link").id
    library.job(state=JobState.SUCCEEDED, batch_id=batch)
    text = client.get(f"/api/batches/{batch}/events").get_data(as_text=True)
    last = text.split("id: ")[1].split("\n")[0]
    assert client.get(f"/api/batches/{batch}/events", headers={"Last-Event-ID": last}).status_code == 204


def test_no_such_job(client: FlaskClient) -> None:
    assert client.get("/api/jobs/nothing/events").status_code == 404


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, (0, 0)),
        ("", (0, 0)),
        ("5", (0, 0)),
        ("5-", (0, 0)),
        ("٣-٣", (0, 0)),
        ("9" * 30 + "-1", (0, 0)),
        ("5-7", (5, 7)),
    ],
)
def test_parse_job_event_id(text: str | None, told: tuple[int, int]) -> None:
    assert parse_job_event_id(text) == told
