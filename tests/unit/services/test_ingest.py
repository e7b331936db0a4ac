"""Uploads, files and addresses: filed once, limited, nothing left behind."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.domain import JobKind, JobState, VideoOrigin
from app.errors import EmptyMediaError, InvalidInputError, NotFoundError, TooLargeError
from app.models import Job
from app.services.context import Context
from app.services.ingest import (
    check_interval,
    finish_upload,
    submit_file,
)
from app.services.ingest_options import IngestOptions
from app.services.jobs import get_job
from app.services.uploads import begin_upload
from app.storage import videos as video_rows
from tests.library import RecordingQueue, make_context
from tests.videos import tiny_video


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".gitignore"]


def _sent(context: Context) -> list[tuple[JobKind, str]]:
    assert isinstance(context.queue, RecordingQueue)
    return context.queue.sent


def _upload(context: Context, data: bytes, name: str = "clip.mp4", **options: Any):
    sink = begin_upload(context, name)
    sink.write(data)
    return finish_upload(context, sink, IngestOptions(**options))


def test_an_upload_is_filed_under_its_hash_and_announced(context: Context) -> None:
    data = tiny_video(b"some bytes")
    submission = _upload(context, data, "../My Clip.mp4")
    with context.database.session() as session:
        video = video_rows.get(session, submission.video_id)
    assert video is not None
    assert video.sha256 == hashlib.sha256(data).hexdigest()
    assert video.file_name == "My Clip.mp4"
    assert video.origin == VideoOrigin.UPLOAD
    assert context.blobs.read(video.blob_key or "") == data
    assert _sent(context) == [(JobKind.PROCESS_VIDEO, submission.job_id)]
    assert _files(context.settings.temp_folder) == []


def test_the_same_bytes_are_one_video(context: Context) -> None:
    first, second = _upload(context, tiny_video(), "a.mp4"), _upload(context, tiny_video(), "b.mp4")
    assert second.duplicate
    assert not first.duplicate
    assert (second.video_id, second.job_id) == (first.video_id, first.job_id)
    assert len(_files(context.settings.upload_folder)) == 1


def test_the_same_bytes_get_a_new_job_when_the_last_one_failed(context: Context) -> None:
    first = _upload(context, tiny_video())
    with context.database.write() as session:
        session.execute(update(Job).where(Job.id == first.job_id).values(state=JobState.FAILED))
    second = _upload(context, tiny_video())
    assert second.duplicate
    assert second.video_id == first.video_id
    assert second.job_id != first.job_id
    assert get_job(context, second.job_id).state == JobState.QUEUED


def test_the_same_bytes_at_the_same_moment_are_one_video(context: Context) -> None:
    ready, found = threading.Barrier(6), []

    def upload() -> None:
        sink = begin_upload(context, "clip.mp4")
        sink.write(tiny_video())
        ready.wait()
        found.append(finish_upload(context, sink))

    threads = [threading.Thread(target=upload) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({submission.video_id for submission in found}) == 1
    assert sorted(submission.duplicate for submission in found) == [False] + [True] * 5
    assert len(_files(context.settings.upload_folder)) == 1


def test_an_upload_over_the_limit_stops_and_leaves_nothing(tmp_path: Path) -> None:
    context = make_context(tmp_path, max_video_size_mb=1)
    sink = begin_upload(context, "big.mp4")
    with pytest.raises(TooLargeError, match="1 MB"):
        for _ in range(20):
            sink.write(bytes(100_000))
    assert _files(context.settings.temp_folder) == []
    assert _sent(context) == []


def test_an_empty_upload_is_refused_and_leaves_nothing(context: Context) -> None:
    with pytest.raises(EmptyMediaError, match="empty"):
        _upload(context, b"")
    assert _files(context.settings.temp_folder) + _files(context.settings.upload_folder) == []


def test_a_local_file_is_copied(context: Context, tmp_path: Path) -> None:
    source = tmp_path / "film.mkv"
    source.write_bytes(tiny_video(bytes(3_000_000)))
    submission = submit_file(context, source)
    with context.database.session() as session:
        video = video_rows.get(session, submission.video_id)
    assert video is not None
    assert video.size_bytes == source.stat().st_size
    assert source.exists()
    with pytest.raises(NotFoundError, match=r"nothing\.mp4"):
        submit_file(context, tmp_path / "nothing.mp4")


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf"), 3601])
def test_an_interval_out_of_range_is_refused(context: Context, interval: float) -> None:
    with pytest.raises(InvalidInputError, match="interval"):
        check_interval(context, interval)


def test_an_interval_may_be_a_fraction_and_has_a_default(context: Context) -> None:
    assert check_interval(context, 0.25) == 0.25
    assert check_interval(context, None) == context.settings.frame_extraction_interval
