from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from app.domain import JobState
from app.models import Job, utc_now
from app.services.context import Context
from app.services.erase import delete_video
from tests.unit.services.doctor.conftest import Examine, codes


def exists(context: Context, key: str) -> bool:
    return context.blobs.exists(key)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("videos/99/film.mp4", "orphan_videos"),
        ("videos/n-" + "0" * 32 + "/film.mp4", "orphan_videos"),
        ("faces/99/00000001_0.jpg", "orphan_faces"),
        ("faces/1/99999999_0.jpg", "orphan_faces"),
        ("faces/1/0123abcd/00000000_0.jpg", "orphan_faces"),
        ("thumbnails/99.jpg", "orphan_thumbnails"),
        ("thumbnails/99/site-3.jpg", "orphan_thumbnails"),
        ("exports/" + "0" * 32 + "/faces.csv", "orphan_exports"),
    ],
)
def test_files_without_rows(library: Context, look: Examine, key: str, code: str) -> None:
    library.blobs.write(key, b"left over")
    later = utc_now() + timedelta(hours=30)
    assert codes(look(now=later)) == [code]
    assert not exists(library, key)
    assert look(now=later).findings == []


def test_an_upload_to_a_bucket_may_take_hours(library: Context, look: Examine) -> None:
    library.blobs.write(f"videos/n-{'0' * 32}/film.mp4", b"its row comes in a moment")
    assert look().findings == []


@pytest.mark.parametrize("key", ["videos/notes.txt", "videos/holiday 2019/film.mp4", "faces/1/mine.jpg"])
def test_files_of_somebody_else_stay(library: Context, look: Examine, key: str) -> None:
    library.blobs.write(key, b"mine")
    assert look().findings == []
    assert exists(library, key)


def test_what_a_deletion_left(library: Context, look: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("app.services.erase.remove_files", killed)
        with pytest.raises(KeyboardInterrupt):
            delete_video(library, 1)
    assert codes(look()) == ["orphan_videos", "orphan_thumbnails", "orphan_faces"]
    assert not any(list(library.blobs.list(area)) for area in ("videos", "faces", "thumbnails"))


def test_crops_of_a_chunk_that_is_not_committed_yet_stay(library: Context, look: Examine) -> None:
    library.blobs.write("faces/1/99999999_0.jpg", b"its row comes in a moment")
    with library.database.write() as session:
        job = session.query(Job).filter(Job.video_id == 1).one()
        job.state = JobState.PAUSED
    assert look().findings == []


def test_temporary_files(library: Context, look: Examine) -> None:
    with library.database.write() as session:
        job_id = session.query(Job).filter(Job.video_id == 1).one().id
        session.get_one(Job, job_id).state = JobState.PAUSED
    kept = library.blobs.temp.folder_for(job_id)
    (kept / "part").write_bytes(b"half")
    others = [library.blobs.new_temp(), library.blobs.new_temp_folder(), library.blobs.temp.folder_for("0" * 32)]
    upload = library.blobs.temp.resumable("1" * 32)
    upload.write_bytes(b"half")
    incoming = library.settings.faces_folder / ".incoming" / "t-left"
    incoming.parent.mkdir(exist_ok=True)
    incoming.write_bytes(b"half a crop")
    report = look()
    assert [(one.code, one.count) for one in report.findings] == [("orphan_temporary", 4), ("orphan_uploads", 1)]
    assert kept.exists()
    assert not any(path.exists() for path in [*others, upload, incoming])


def test_a_file_that_is_written_anew_meanwhile_stays(library: Context, look: Examine, tmp_path: Path) -> None:
    key = "faces/99/00000001_0.jpg"
    library.blobs.write(key, b"old")
    real = library.blobs.info

    def info(asked: str):
        library.blobs.write(key, b"new and longer")
        return real(asked)

    object.__setattr__(library.blobs, "info", info)
    look()
    assert exists(library, key)
