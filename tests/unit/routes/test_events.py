from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.domain import JobKind, JobState
from app.models import Job, utc_now
from app.routes.events import event_stream, mark_of, parse_event_id
from app.services import library as views
from app.services.context import Context
from app.services.people import rename_person
from tests.library import Library, ago


@pytest.fixture
def request_context(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        yield


class Listener:
    """Reads a stream event by event; the stream looks at the database without a pause."""

    def __init__(self, context: Context, since: datetime | None = None, heartbeat: float = 60.0) -> None:
        self.rounds = 0
        self.stop_after = 10_000
        self._stream = event_stream(context, since, self._stopping, poll_seconds=0.0, heartbeat_seconds=heartbeat)
        self._queue: list[str] = []
        assert next(self._stream).startswith("retry: ")

    def _stopping(self) -> bool:
        self.rounds += 1
        return self.rounds > self.stop_after

    def next(self) -> tuple[str, dict, str]:
        while not self._queue:
            self._queue = [block for block in next(self._stream).split("\n\n") if block]
        lines = dict(line.split(": ", 1) for line in self._queue.pop(0).splitlines())
        return lines.get("event", ""), json.loads(lines.get("data", "{}")), lines.get("id", "")

    def is_silent(self) -> bool:
        self.rounds, self.stop_after = 0, 5
        return not self._queue and next(self._stream, None) is None


def test_jobs_are_told_as_they_change(context: Context, library: Library, request_context: None) -> None:
    job = library.job(library.video(state=None), state=JobState.RUNNING, step="looking", done=1.0, total=4.0)
    listener = Listener(context)
    name, data, number = listener.next()
    assert (name, data["job_id"], data["progress"]) == ("job", job, 0.25)
    assert int(number) > 0
    assert listener.next()[0] == "library"
    library.change_job(job, done=2.0, faces_found=3)
    name, data, _ = listener.next()
    assert (name, data["progress"], data["faces_found"]) == ("job", 0.5, 3)
    library.change_job(job, state=JobState.SUCCEEDED)
    assert listener.next()[1]["status"] == "succeeded"
    assert listener.is_silent(), "the same change must not be told twice"


def test_old_jobs_are_not_told(context: Context, library: Library, request_context: None) -> None:
    library.job(state=JobState.FAILED, updated_at=ago(hours=1))
    listener = Listener(context)
    assert listener.next()[0] == "library"
    assert listener.is_silent()


def test_a_listener_that_comes_back_hears_what_it_missed(
    context: Context, library: Library, request_context: None
) -> None:
    library.job(state=JobState.FAILED, updated_at=ago(hours=2))
    missed = library.job(state=JobState.FAILED, updated_at=ago(minutes=30))
    listener = Listener(context, since=ago(hours=1))
    assert listener.next()[1]["job_id"] == missed


def test_a_change_that_is_committed_late_is_still_told(
    context: Context, library: Library, request_context: None
) -> None:
    listener = Listener(context, since=utc_now())
    assert listener.next()[0] == "library"
    late = library.job(updated_at=ago(seconds=2))
    assert listener.next()[1]["job_id"] == late


def test_people_and_videos_change_the_mark(context: Context, library: Library, request_context: None) -> None:
    listener = Listener(context)
    marks = [listener.next()[1]["mark"]]
    person = library.person()
    name, data, _ = listener.next()
    assert (name, data["people"], data["videos"]) == ("library", 1, 0)
    marks.append(data["mark"])
    rename_person(context, person, "Ada")
    marks.append(listener.next()[1]["mark"])
    library.video(state=None)
    marks.append(listener.next()[1]["mark"])
    assert len(set(marks)) == 4
    assert mark_of(views.page_state(context).mark) == marks[-1], "a page must carry the same mark as the stream"


def test_silence_is_filled_with_heartbeats(context: Context, request_context: None) -> None:
    stream = event_stream(context, None, lambda: False, poll_seconds=0.0, heartbeat_seconds=0.0)
    texts = [next(stream) for _ in range(4)]
    assert "event: library" in texts[1]
    assert texts[2:] == [": still here\n\n"] * 2


def test_the_stream_ends_when_the_server_stops(client: FlaskClient, app: Flask) -> None:
    app.extensions["faaaaaces_stopping"] = lambda: True
    response = client.get("/api/events")
    assert response.mimetype == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.get_data(as_text=True) == "retry: 2000\n\n"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (None, None),
        ("", None),
        ("abc", None),
        ("-5", None),
        ("٣", None),
        ("9" * 30, None),
        ("1000000", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ],
)
def test_parse_event_id(text: str | None, moment: datetime | None) -> None:
    assert parse_event_id(text) == moment


def test_many_changes_at_once_are_told_as_many(context: Context, library: Library, request_context: None) -> None:
    same = utc_now()
    with context.database.write() as session:
        session.add_all(
            [
                Job(id=f"{number:032d}", kind=JobKind.CLUSTER, state=JobState.CANCELLED, updated_at=same)
                for number in range(150)
            ]
        )
    listener = Listener(context)
    names = [listener.next()[0] for _ in range(102)]
    assert names == ["job"] * 100 + ["jobs", "library"]
    running = library.job(state=JobState.RUNNING)
    assert listener.next()[1]["job_id"] == running, "what changes later must not drown in it"
