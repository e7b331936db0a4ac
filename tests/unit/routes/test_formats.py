from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain import JobKind, JobState, QualityReason, QueueName
from app.routes import formats
from app.storage.views.shapes import JobRow

NOW = datetime(2026, 11, 22, 7, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "0:00.0"),
        (-3, "0:00.0"),
        (0, "0:00.0"),
        (3.25, "0:03.2"),
        (59.94, "0:59.9"),
        (59.96, "1:00.0"),
        (61.5, "1:01.5"),
        (3599.99, "1:00:00.0"),
        (7325.5, "2:02:05.5"),
    ],
)
def test_timestamp(seconds: float | None, text: str) -> None:
    assert formats.timestamp(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (9.6, "0:10"), (61, "1:01"), (3600, "1:00:00")])
def test_clock(seconds: float, text: str) -> None:
    assert formats.clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1.04, "1 s"),
        (8.5, "8.5 s"),
        (59.96, "1 min"),
        (80, "1 min 20 s"),
        (120, "2 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (3_600_000, "1,000 h"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "0 B"),
        (820, "820 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_440_000, "1.4 MB"),
        (999_600_000, "1.0 GB"),
        (120_000_000, "120 MB"),
        (5_100_000_000_000, "5.1 TB"),
    ],
)
def test_size(count: int | None, text: str) -> None:
    assert formats.size(count) == text


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((0, "face"), "0 faces"),
        ((1, "face"), "1 face"),
        ((1, "person", "people"), "1 person"),
        ((12345, "person", "people"), "12,345 people"),
    ],
)
def test_plural(args: tuple[int, str], text: str) -> None:
    assert formats.plural(*args) == text


def test_moments_are_written_in_utc() -> None:
    there = datetime(2026, 11, 22, 9, 5, tzinfo=timezone(timedelta(hours=2)))
    assert formats.iso(there) == "2026-11-22T07:05:00Z"
    assert formats.day(there) == "22 Nov 2026, 07:05 UTC"


def test_every_reason_state_kind_has_words() -> None:
    assert set(formats.REASONS) == set(QualityReason)
    assert set(formats.STATES) == set(JobState)
    assert set(formats.KINDS) == set(JobKind)
    assert set(formats.QUEUES) == set(QueueName)
    assert formats.reasons(("small", "something_new")) == "too small, something new"


def make_job(**values: object) -> JobRow:
    base: dict[str, object] = {
        "id": "j",
        "kind": JobKind.PROCESS_VIDEO,
        "state": JobState.RUNNING,
        "step": "looking",
        "video_id": 1,
        "video_title": "Clip",
        "done": 12.0,
        "total": 40.0,
        "faces_found": 1,
        "speed": 4.0,
        "seconds_left": 7.2,
        "error_code": None,
        "error": None,
        "note": None,
        "attempts": 1,
        "interval": 1.0,
        "created_at": NOW,
        "started_at": NOW,
        "updated_at": NOW,
        "finished_at": None,
        "queue": QueueName.VISION,
        "priority": 0,
        "batch_id": None,
        "parent_id": None,
        "next_try_at": None,
        "interruptions": 0,
        "next_sample": 0,
        "size_bytes": None,
    }
    return JobRow(**{**base, **values})


@pytest.mark.parametrize(
    ("values", "line"),
    [
        pytest.param({}, "Looking for faces · 12 of 40 frames · 1 face · about 7 s left", id="looking"),
        pytest.param({"total": None, "seconds_left": None}, "Looking for faces · 1 face", id="end-unknown"),
        pytest.param({"state": JobState.QUEUED, "step": "waiting"}, "Waiting for a worker", id="queued"),
        pytest.param(
            {"state": JobState.QUEUED}, "Waiting for a worker · 12 of 40 frames done", id="queued-from-its-checkpoint"
        ),
        pytest.param({"state": JobState.PAUSED}, "Paused · 12 of 40 frames done", id="paused"),
        pytest.param(
            {"state": JobState.QUEUED, "error": "The site has a problem."}, "Waiting for the next try", id="next-try"
        ),
        pytest.param(
            {"kind": JobKind.EXPORT, "step": "writing", "seconds_left": None},
            "Writing the file · 12 of 40 faces",
            id="export",
        ),
        pytest.param({"state": JobState.FAILED}, "Failed", id="failed"),
        pytest.param(
            {"step": "downloading", "done": 5e6, "total": 2e7, "seconds_left": None},
            "Downloading · 5.0 MB of 20.0 MB",
            id="downloading",
        ),
        pytest.param(
            {"kind": JobKind.CLUSTER, "step": "grouping", "seconds_left": None}, "Grouping people", id="grouping"
        ),
    ],
)
def test_job_line(values: dict[str, object], line: str) -> None:
    assert formats.job_line(make_job(**values)) == line


@pytest.mark.parametrize(
    ("values", "progress"),
    [
        ({}, 0.3),
        ({"total": None}, None),
        ({"done": 50.0}, 1.0),
        ({"state": JobState.SUCCEEDED, "total": None}, 1.0),
    ],
)
def test_progress(values: dict[str, object], progress: float | None) -> None:
    assert make_job(**values).progress == progress
