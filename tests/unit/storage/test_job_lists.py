"""Long lists of jobs, sums of batches, queues: the same on SQLite and PostgreSQL."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.domain import JobKind, JobState, QueueName
from app.models import Job, JobLog, Queue, utc_now
from app.storage import batches as batch_rows
from app.storage import jobs as job_rows
from app.storage.database import Database
from app.storage.views import batches as batch_views
from app.storage.views import job_lists
from app.storage.views import jobs as job_views
from app.storage.views.job_lists import JobFilter, JobOrder, key_of
from tests.unit.storage.rows import make_video

NOW = utc_now()


def make_job(session: Session, **values: object) -> Job:
    job = Job(id=job_rows.new_id(), kind=JobKind.PROCESS_VIDEO, **values)
    session.add(job)
    session.flush()
    return job


@pytest.mark.parametrize(
    "order", [JobOrder(by, down) for by in ("created_at", "updated_at", "priority") for down in (True, False)]
)
def test_pieces_join_without_a_seam(database: Database, order: JobOrder) -> None:
    with database.write() as session:
        for priority, minutes, _ in itertools.product((0, 10), (0, 1), range(3)):
            moment = NOW - timedelta(minutes=minutes)
            make_job(session, priority=priority, created_at=moment, updated_at=moment)
        make_job(session, parent_id=make_job(session, priority=5).id)
    with database.session() as session:
        whole = job_lists.piece(session, JobFilter(), order, 100)
        walked, after = [], None
        while found := job_lists.piece(session, JobFilter(), order, 4, after):
            walked += found
            after = key_of(found[-1], order)
        assert job_lists.count(session, JobFilter()) == len(whole) == 13
    assert [row.id for row in walked] == [row.id for row in whole]
    keys = [key_of(row, order)[0] for row in whole]
    assert keys == sorted(keys, reverse=order.descending)


def test_waiting_jobs_stand_in_the_order_of_their_turns(database: Database) -> None:
    with database.write() as session:
        for name, priority, minutes in (("c", 0, 9), ("d", 0, 5), ("b", 10, 1), ("a", 10, 3)):
            job = make_job(session, priority=priority, created_at=NOW - timedelta(minutes=minutes))
            job.note = name
        session.flush()
        turns = [row.note for row in job_lists.piece(session, JobFilter(), JobOrder("priority"), 9)]
    assert turns == ["a", "b", "c", "d"]


def test_filters(database: Database) -> None:
    with database.write() as session:
        batch = batch_rows.add(session, "2 links").id
        rome = make_video(session, title="Été à Rome", source_url="https://example.org/rome_1.mp4")
        first = make_job(session, video_id=rome.id, batch_id=batch).id
        second = make_job(session, state=JobState.FAILED, queue=QueueName.DOWNLOAD).id
        made = {
            JobFilter(states=(JobState.FAILED, JobState.PAUSED)): [second],
            JobFilter(queues=(QueueName.DOWNLOAD,)): [second],
            JobFilter(kinds=(JobKind.CLUSTER,)): [],
            JobFilter(batch_id=batch): [first],
            JobFilter(video_id=rome.id): [first],
            JobFilter(text="rome ORG/"): [first],
            JobFilter(text="rome_1"): [first],
            JobFilter(text="rome%1"): [],
            JobFilter(text=second[:9]): [second],
            JobFilter(text="   "): [],
        }
        found = {wanted: [row.id for row in job_lists.piece(session, wanted, JobOrder(), 9)] for wanted in made}
        assert found == made
        failed = JobFilter(states=(JobState.FAILED,))
        assert job_lists.counts(session, failed) == {JobState.QUEUED: 1, JobState.FAILED: 1}


def test_sums_of_batches(database: Database) -> None:
    with database.write() as session:
        old, busy = batch_rows.add(session, "Old").id, batch_rows.add(session, "Busy").id
        make_job(session, batch_id=old, state=JobState.SUCCEEDED, faces_found=3)
        make_job(session, batch_id=old, state=JobState.FAILED)
        half = make_job(session, batch_id=busy, state=JobState.RUNNING, done=30.0, total=60.0, faces_found=1)
        make_job(session, batch_id=busy, state=JobState.RUNNING, done=90.0, total=60.0)
        make_job(session, batch_id=busy, state=JobState.PAUSED)
        make_job(session, batch_id=busy, parent_id=half.id, done=1.0, total=1.0)
        sums = {row.title: row for row in batch_views.batches(session, 9)}
        assert (sums["Old"].total, sums["Old"].open, sums["Old"].progress, sums["Old"].faces_found) == (2, 0, 1.0, 3)
        assert (sums["Busy"].total, sums["Busy"].open, sums["Busy"].faces_found) == (3, 3, 1)
        assert sums["Busy"].progress == pytest.approx(0.5)
        assert (sums["Old"].state, sums["Busy"].state) == (JobState.FAILED, JobState.RUNNING)
        assert [row.title for row in batch_views.batches(session, 9, only_open=True)] == ["Busy"]
        first = batch_views.batches(session, 1)[0]
        assert [row.title for row in batch_views.batches(session, 9, (first.created_at, first.id))] == ["Old"]
        assert batch_views.titles(session, [old, "nothing"]) == {old: "Old"}
        assert batch_rows.of_jobs(session, [half.id, "nothing"]) == [busy]


def test_queues(database: Database) -> None:
    with database.write() as session:
        session.add(Queue(name=QueueName.DOWNLOAD, paused=True, concurrency=4))
        make_job(session, queue=QueueName.DOWNLOAD)
        whole = make_job(session, state=JobState.RUNNING)
        make_job(session, state=JobState.RUNNING, parent_id=whole.id, lease_token="t")
        session.flush()
        counts = batch_views.queue_counts(session)
        assert counts[QueueName.DOWNLOAD] == {JobState.RUNNING: 0, JobState.QUEUED: 1}
        assert counts[QueueName.VISION] == {JobState.RUNNING: 1, JobState.QUEUED: 0}
        assert [row.paused for row in batch_views.queue_settings(session).values()] == [True]


def test_parts_and_log(database: Database) -> None:
    with database.write() as session:
        whole = make_job(session)
        assert job_views.parts(session, whole.id) is None
        for state in (JobState.SUCCEEDED, JobState.SUCCEEDED, JobState.RUNNING):
            make_job(session, parent_id=whole.id, state=state)
        session.add_all([JobLog(job_id=whole.id, message=str(number)) for number in range(5)])
        session.flush()
        parts = job_views.parts(session, whole.id)
        assert parts is not None
        assert (parts.total, parts.done) == (3, 2)
        lines = job_views.log_lines(session, whole.id)
        assert [line.message for line in job_views.log_lines(session, whole.id, after=lines[2].id)] == ["3", "4"]
        assert [line.message for line in job_views.log_tail(session, whole.id, 2)] == ["3", "4"]


def test_the_latest_changes(database: Database) -> None:
    with database.write() as session:
        batch = batch_rows.add(session, "1 link").id
        for number in range(5):
            moment = NOW + timedelta(seconds=number)
            make_job(session, note=str(number), updated_at=moment, batch_id=batch if number == 1 else None)
        since = NOW - timedelta(seconds=1)
        assert [row.note for row in job_views.changed_jobs(session, since, 3)] == ["2", "3", "4"]
        assert [row.note for row in job_views.changed_jobs(session, since, 3, batch_id=batch)] == ["1"]
        assert job_views.changed_jobs(session, NOW + timedelta(seconds=9), 3) == []
