from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.domain import JobState, VideoOrigin
from app.models import Face, Job, Video, VideoSource
from app.services.context import Context
from app.services.doctor.marks import FILE_GONE, PICTURES_GONE
from app.services.owners import current_owner
from tests.library import ago
from tests.unit.services.doctor.conftest import Examine, codes, files_of, rows_of


def warning(context: Context) -> str | None:
    with context.database.session() as session:
        return session.get_one(Video, 1).warning


def set_video(context: Context, **values: object) -> None:
    with context.database.write() as session:
        session.execute(update(Video).where(Video.id == 1).values(**values))


def test_lost_pictures_are_made_again_as_they_were(library: Context, look: Examine) -> None:
    files, rows = files_of(library), rows_of(library)
    library.blobs.delete_tree("faces/1")
    library.blobs.delete("thumbnails/1.jpg")
    report = look()
    assert codes(report) == ["missing_thumbnails", "missing_crops"]
    assert not report.failed
    assert files_of(library) == files
    assert rows_of(library) == rows
    assert look().findings == []


def test_a_lost_video_is_said_on_its_page_and_may_come_back(library: Context, look: Examine, film: Path) -> None:
    set_video(library, warning="The file is cut off after 61 s.")
    library.blobs.delete_tree("videos/1")
    report = look()
    assert (codes(report), report.failed) == (["lost_files"], True)
    assert warning(library) == f"The file is cut off after 61 s. {FILE_GONE}"
    assert look().findings == []
    library.blobs.copy(film, "videos/1/two people.mp4")
    assert codes(look()) == ["files_back"]
    assert warning(library) == "The file is cut off after 61 s."
    assert look().findings == []


def test_jobs_of_a_lost_video_end(library: Context, look: Examine) -> None:
    library.blobs.delete_tree("videos/1")
    with library.database.write() as session:
        session.execute(update(Job).where(Job.video_id == 1).values(state=JobState.QUEUED))
    assert codes(look()) == ["lost_files", "jobs_without_file"]
    with library.database.session() as session:
        job = session.scalars(select(Job).where(Job.video_id == 1)).one()
    assert (job.state, job.error) == (JobState.FAILED, FILE_GONE)
    assert look().findings == []


def test_pictures_that_cannot_be_made_again(library: Context, look: Examine, film: Path) -> None:
    library.blobs.delete_tree("videos/1")
    library.blobs.delete_tree("faces/1")
    library.blobs.delete("thumbnails/1.jpg")
    report = look()
    assert (codes(report), report.failed) == (["lost_files", "missing_thumbnails", "lost_crops"], True)
    assert warning(library) == f"{FILE_GONE} {PICTURES_GONE}"
    assert look().findings == []
    library.blobs.copy(film, "videos/1/two people.mp4")
    assert codes(look()) == ["files_back", "missing_crops"]
    assert warning(library) is None
    assert look().findings == []


def test_another_film_in_its_place_gives_no_wrong_faces(library: Context, look: Examine) -> None:
    with library.database.write() as session:
        session.execute(update(Face).values(timestamp=Face.timestamp + 0.3))
    library.blobs.delete_tree("faces/1")
    report = look()
    assert (codes(report), report.failed) == (["lost_crops"], True)


def test_a_file_used_in_place(library: Context, look: Examine, tmp_path: Path) -> None:
    film = tmp_path / "mine.mp4"
    with library.blobs.local_copy("videos/1/two people.mp4") as path:
        shutil.copy(path, film)
    library.blobs.delete_tree("videos/1")
    set_video(library, local_path=str(film), blob_key=None)
    files = files_of(library)
    library.blobs.delete("faces/1/00000000_0.jpg")
    assert codes(look()) == ["missing_crops"]
    assert files_of(library) == files
    film.unlink()
    assert codes(look()) == ["lost_files"]


def test_a_site_s_picture(library: Context, look: Examine) -> None:
    with library.database.write() as session:
        session.add(VideoSource(video_id=1, origin=VideoOrigin.URL, thumbnail_key="thumbnails/1/site-9.jpg"))
    assert codes(look()) == ["missing_pictures"]
    assert look().findings == []


def test_a_video_that_nothing_will_bring(library: Context, look: Examine) -> None:
    with library.database.write() as session:
        for title, hours in (("old", 30), ("new", -3)):
            row = Video(file_name=title, title=title, origin=VideoOrigin.URL, source_url="http://example.com/")
            row.created_at = ago(hours=hours)
            session.add(row)
    assert codes(look()) == ["empty_videos"]
    with library.database.session() as session:
        assert set(session.scalars(select(Video.title))) == {"two people", "new"}


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.QUEUED, JobState.PAUSED])
def test_a_video_that_is_looked_at_is_left_to_its_worker(library: Context, look: Examine, state: JobState) -> None:
    library.blobs.delete_tree("faces/1")  # as the beginning of a new run does
    with library.database.write() as session:
        lease = {"lease_token": "t", "lease_owner": current_owner()} if state is JobState.RUNNING else {}
        session.execute(update(Job).where(Job.video_id == 1).values(state=state, **lease))
    assert look().findings == []
