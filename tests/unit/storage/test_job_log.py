"""Lines of a job's log: in order, limited, and those of segments with the whole."""

from __future__ import annotations

from app.domain import JobKind
from app.storage import job_log, jobs
from app.storage.database import Database


def test_lines_come_in_order_and_can_be_read_on(database: Database) -> None:
    with database.write() as session:
        job_id = jobs.add(session, JobKind.PROCESS_VIDEO).id
        job_log.add(session, job_id, "Begun.")
        job_log.add(session, job_id, "The file is cut off.", "warning")
    with database.session() as session:
        lines = job_log.lines(session, job_id)
        assert [(line.level, line.message) for line in lines] == [
            ("info", "Begun."),
            ("warning", "The file is cut off."),
        ]
        assert job_log.lines(session, job_id, after=lines[0].id) == lines[1:]


def test_a_log_does_not_grow_for_ever(database: Database) -> None:
    with database.write() as session:
        job_id = jobs.add(session, JobKind.PROCESS_VIDEO).id
        for number in range(job_log.MAX_LINES + 5):
            job_log.add(session, job_id, f"Line {number}.")
            session.flush()
    with database.session() as session:
        lines = job_log.lines(session, job_id, limit=1000)
    assert len(lines) == job_log.MAX_LINES
    assert lines[-1].message == "More happened; this log is full."


def test_lines_about_a_segment_belong_to_the_whole(database: Database) -> None:
    with database.write() as session:
        parent = jobs.add(session, JobKind.PROCESS_VIDEO)
        token = jobs.claim(session, parent.id, "here:1:1", 60)
        assert token is not None
        child = jobs.add_children(session, parent, token, [{}], [None])[0]
        job_log.add(session, child, "Half of it is done.")
        job_log.add(session, "gone", "Nobody hears this.")
    with database.session() as session:
        assert [line.message for line in job_log.lines(session, parent.id)] == ["Half of it is done."]
