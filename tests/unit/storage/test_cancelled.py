from __future__ import annotations

from sqlalchemy import func, select

from app.domain import JobKind, VideoOrigin
from app.models import Job, Video
from app.storage import cancelled, faces
from app.storage import jobs as job_rows
from app.storage import sources as source_rows
from app.storage.database import Database
from tests.unit.storage.rows import make_face, make_space, make_video


def test_only_what_never_came_is_removed(database: Database) -> None:
    with database.write() as session:
        wished, fetched, seen, shared = (make_video(session, origin=VideoOrigin.URL) for _ in range(4))
        source_rows.add(session, wished.id, VideoOrigin.URL, address="https://example.org/a.mp4")
        fetched.blob_key = "videos/2/film.mp4"
        faces.add_many(session, [make_face(seen, make_space(session), 1)])
        jobs = [
            job_rows.add(session, JobKind.FETCH_VIDEO, video_id=video.id).id
            for video in (wished, fetched, seen, shared)
        ]
        job_rows.add(session, JobKind.FETCH_VIDEO, video_id=shared.id)
        upload = job_rows.add(session, JobKind.PROCESS_VIDEO, video_id=make_video(session).id).id
        assert cancelled.remove_unfetched(session, [*jobs, upload, "nothing"]) == 1
        assert session.scalar(select(func.count(Video.id))) == 4
        rows = {job: session.get_one(Job, job, populate_existing=True) for job in jobs}
        assert [rows[job].video_id is None for job in jobs] == [True, False, False, False]
        assert rows[jobs[0]].note == "Removed before it was downloaded."


def test_with_findings(database: Database) -> None:
    with database.write() as session:
        video = make_video(session)
        found, empty = (job_rows.add(session, JobKind.PROCESS_VIDEO, video_id=video.id) for _ in range(2))
        grouping = job_rows.add(session, JobKind.CLUSTER)
        found.faces_found = 3
        session.flush()
        ids = [found.id, empty.id, grouping.id]
        assert cancelled.with_findings(session, ids, or_video=False) == [found.id]
        assert sorted(cancelled.with_findings(session, ids, or_video=True)) == sorted([found.id, empty.id])
