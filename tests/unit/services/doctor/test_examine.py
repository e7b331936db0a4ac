from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from app.errors import StorageError
from app.models import Face, Track, Video, utc_now
from app.services.context import Context
from app.services.doctor import examine
from app.services.ingest import submit_file
from app.services.ingest_options import IngestOptions
from app.services.jobs import Outcome, run_job
from tests.buckets import Service
from tests.library import Library, jpeg, make_context, plain
from tests.unit.services.doctor.conftest import Examine, codes, files_of, rows_of


def test_a_healthy_library_is_left_byte_for_byte_alone(library: Context, look: Examine) -> None:
    rows, files = rows_of(library), files_of(library)
    assert look().findings == []
    assert (rows_of(library), files_of(library)) == (rows, files)


def damage(library: Context) -> None:
    """A bit of everything."""
    with library.database.write() as session:
        video = session.get_one(Video, 1)
        face = session.get_one(Face, 1)
        session.execute(delete(Face).where(Face.track_id == session.get_one(Face, 5).track_id))
        session.execute(update(Track).values(face_count=77))
        thumbnail, crop = video.thumbnail_key, face.crop_key
    library.blobs.delete(thumbnail or "")
    library.blobs.delete(crop)
    for key in ("videos/99/film.mp4", "faces/99/00000001_0.jpg", f"exports/{'0' * 32}/faces.csv"):
        library.blobs.write(key, b"left over")
    library.blobs.new_temp(".mp4").write_bytes(b"half")


def test_a_dry_run_changes_nothing_and_says_what_a_real_one_does(library: Context, look: Examine) -> None:
    damage(library)
    rows, files = rows_of(library), files_of(library)
    foreseen = look(dry_run=True)
    assert (rows_of(library), files_of(library)) == (rows, files)
    done = look()
    assert [(one.code, one.count) for one in foreseen.findings] == [(one.code, one.count) for one in done.findings]
    assert len(done.findings) >= 8
    assert "1 video file without a row is to be removed." in [one.message for one in foreseen.findings]
    assert "1 video file without a row was removed." in [one.message for one in done.findings]
    assert not done.failed


def test_a_second_run_finds_nothing(library: Context, look: Examine) -> None:
    damage(library)
    look()
    assert look().findings == []


def test_what_is_young_is_left_alone(library: Context) -> None:
    for key in ("videos/99/film.mp4", "faces/99/00000001_0.jpg"):
        library.blobs.write(key, b"on its way")
    library.blobs.new_temp()
    assert examine(library).findings == []


def test_the_wrong_database_removes_nothing(library: Context, look: Examine) -> None:
    for number in range(50, 60):
        library.blobs.write(f"videos/{number}/film.mp4", b"of another library")
    files = files_of(library)
    report = look()
    assert (codes(report), report.failed) == (["unknown_library"], True)
    assert "doctor --force" in report.findings[0].message
    assert files_of(library) == files
    assert codes(look(force=True)) == ["orphan_videos"]


def test_an_empty_place_marks_nothing_as_lost(tmp_path: Path, look: Examine) -> None:
    library = Library(make_context(tmp_path / "other"))
    for number in range(6):
        library.context.blobs.delete_tree(f"videos/{library.video(f'{number}')}")
    rows = rows_of(library.context)
    report = examine(library.context)
    assert (codes(report), report.failed) == (["missing_library"], True)
    assert rows_of(library.context) == rows


def test_a_store_that_is_away_is_no_damage(tmp_path: Path, s3: Service) -> None:
    context = make_context(tmp_path, **s3.settings("no-such-bucket"))
    with pytest.raises(StorageError):
        examine(context)


def test_a_bucket(tmp_path: Path, s3: Service) -> None:
    bucket = s3.bucket()
    context = make_context(tmp_path, **s3.settings(bucket))
    library = Library(context)
    good = library.video(picture=jpeg(plain()))
    library.track(good, library.person("Ada"), [1.0, 2.0])
    healthy = s3.keys(bucket)
    for key in ("videos/n-" + "0" * 32 + "/a.mp4", "videos/7/a.mp4", "faces/7/00000001_0.jpg", "videos/1/notes.txt"):
        context.blobs.write(key, b"left over")
    later = utc_now() + timedelta(hours=30)
    assert codes(examine(context, now=later)) == ["orphan_videos", "orphan_faces"]
    assert s3.keys(bucket) == healthy
    assert examine(context, now=later).findings == []


def test_a_worker_is_not_disturbed(library: Context, look: Examine, film: Path) -> None:
    """Nothing is too young for this doctor, so that all depends on what it knows of the job; but for halves of
    files, which have nothing but their age."""
    object.__setattr__(library.blobs, "leftovers", lambda: iter(()))
    before = {key: data for key, data in files_of(library).items() if key.startswith("faces")}
    submission = submit_file(library, film, IngestOptions(again=True))
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(run_job, library, submission.job_id)
        reports = []
        while not wait([work], timeout=0.02).done:
            reports.append(look())
    assert work.result() == Outcome.SUCCEEDED
    assert reports
    assert [finding for report in reports for finding in report.findings] == []
    after = {key: data for key, data in files_of(library).items() if key.startswith("faces")}
    assert sorted(after.values()) == sorted(before.values())
    assert look().findings == []
