"""Files that are used where they lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.domain import JobState
from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.models import Video
from app.services.again import look_again
from app.services.context import Context
from app.services.erase import delete_video
from app.services.ingest import finish_upload, submit_file
from app.services.ingest_options import IngestOptions
from app.services.jobs import Outcome, get_job, run_job
from app.services.local_files import check_unchanged, mark_of
from app.services.uploads import begin_upload, hash_file
from app.services.video_files import local_file
from app.storage import sources as source_rows
from app.storage import videos as video_rows
from tests.videos import tiny_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "my clip.mp4"
    path.write_bytes(tiny_video())
    return path


def _video(context: Context, video_id: int) -> Video:
    with context.database.session() as session:
        video = video_rows.get(session, video_id)
    assert video is not None
    return video


def _stored(context: Context) -> list[Path]:
    return [path for path in context.settings.upload_folder.rglob("*") if path.suffix == ".mp4"]


def test_a_file_is_looked_at_where_it_lies_and_stays_there(context: Context, film: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(film.read_bytes())
    submission = submit_file(context, path, in_place=True)
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    video = _video(context, submission.video_id)
    assert (video.local_path, video.blob_key, video.size_bytes) == (str(path), None, film.stat().st_size)
    assert get_job(context, submission.job_id).faces_found >= 8
    assert _stored(context) == []
    delete_video(context, video.id)
    assert path.read_bytes() == film.read_bytes()


def test_a_file_that_was_touched_is_the_same_and_one_that_was_changed_is_not(context: Context, clip: Path) -> None:
    submission = submit_file(context, clip, in_place=True)
    video = _video(context, submission.video_id)
    os.utime(clip, (1, 1))
    with local_file(context, video) as path:
        assert path == clip
    data = bytearray(clip.read_bytes())
    data[-1] ^= 1
    clip.write_bytes(data)  # as long as before
    with pytest.raises(ConflictError, match=r"my clip\.mp4 was changed"), local_file(context, video):
        pass
    clip.unlink()
    with pytest.raises(NotFoundError, match=r"my clip\.mp4 is no longer where it was"), local_file(context, video):
        pass
    assert run_job(context, submission.job_id) == Outcome.FAILED
    job = get_job(context, submission.job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "not_found")
    assert str(clip.parent) not in (job.error or "")


def test_a_file_that_moved_is_found_again_when_it_is_added_again(context: Context, clip: Path, tmp_path: Path) -> None:
    first = submit_file(context, clip, in_place=True)
    moved = clip.rename(tmp_path / "elsewhere.mp4")
    second = submit_file(context, moved, in_place=True)
    assert (second.duplicate, second.video_id) == (True, first.video_id)
    assert _video(context, first.video_id).local_path == str(moved)
    with local_file(context, _video(context, first.video_id)) as path:
        assert path == moved


def test_an_upload_takes_the_place_of_a_file_that_is_gone(context: Context, clip: Path) -> None:
    first = submit_file(context, clip, in_place=True)
    clip.unlink()
    sink = begin_upload(context, "again.mp4")
    sink.write(tiny_video())
    assert finish_upload(context, sink).video_id == first.video_id
    video = _video(context, first.video_id)
    assert video.local_path is None
    with local_file(context, video) as path:
        assert path.read_bytes() == tiny_video()


def test_a_copy_of_what_is_used_in_place_is_not_kept(context: Context, clip: Path) -> None:
    first = submit_file(context, clip, in_place=True)
    assert submit_file(context, clip).video_id == first.video_id
    assert _stored(context) == []
    with context.database.session() as session:
        assert len(source_rows.for_video(session, first.video_id)) == 1


def test_a_file_that_is_still_being_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"first part")
    mark = mark_of(path)
    path.write_bytes(b"first part and more")
    with pytest.raises(InvalidInputError, match="still being written"):
        mark.check_settled(path)


def test_without_a_mark_the_content_decides(clip: Path) -> None:
    sha256, _ = hash_file(clip)
    check_unchanged(clip, None, sha256)
    with pytest.raises(ConflictError):
        check_unchanged(clip, None, "0" * 64)
    with pytest.raises(NotFoundError):
        check_unchanged(clip.parent, None, sha256)


def test_looking_again_with_other_settings(context: Context, clip: Path) -> None:
    first = submit_file(context, clip)
    with pytest.raises(ConflictError, match="just now"):
        look_again(context, first.video_id, IngestOptions(interval=0.5))
    assert run_job(context, first.job_id) == Outcome.SUCCEEDED
    same = submit_file(context, clip, IngestOptions(interval=0.25))
    assert (same.duplicate, same.again, same.job_id, same.interval) == (True, False, first.job_id, 1.0)
    again = submit_file(context, clip, IngestOptions(interval=0.25, again=True))
    assert (again.duplicate, again.again, again.interval) == (True, True, 0.25)
    assert again.job_id != first.job_id
    assert run_job(context, again.job_id) == Outcome.SUCCEEDED
    assert _video(context, first.video_id).interval == 0.25
    third = look_again(context, first.video_id)
    assert (third.video_id, third.interval) == (first.video_id, 1.0)
    with pytest.raises(NotFoundError):
        look_again(context, 999)
