"""A long video in segments: the same rows as in one piece, in whatever order they end."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import select

from app.domain import Image, JobKind, JobState, Sampling
from app.media.sampling import chunk_end
from app.media.seams import seams
from app.models import Face, Job, Track, Video
from app.services import job_control
from app.services.context import Context
from app.services.ingest import submit_file
from app.services.ingest_options import IngestOptions
from app.services.jobs import Outcome, get_job, run_job
from app.services.process_video import storing
from app.services.stopped import settle
from app.storage import jobs as job_rows
from tests.films import make_film
from tests.library import make_context
from tests.videos import make_video, truncate

INTERVAL = 0.1  # 64 samples in 6.4 s, in segments of 1.6 s


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, grace_hopper: Image) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "long.mp4", [astronaut, grace_hopper], seconds_each=3.2)


def _context(folder: Path, models: Path, minutes: float) -> Context:
    return make_context(folder, models_folder=str(models), max_video_size_mb=50, segment_minutes=minutes)


def _rows(context: Context) -> dict[str, list[tuple]]:
    """All that is known of the videos, but for ids and moments."""
    with context.database.session() as session:
        faces = session.scalars(select(Face).order_by(Face.sample, Face.ordinal)).all()
        place = {face.id: (face.sample, face.ordinal) for face in faces}
        tracks = session.scalars(select(Track).order_by(Track.start, Track.embedding)).all()
        number = {track.id: index for index, track in enumerate(tracks)}
        video = session.scalars(select(Video)).one()
        return {
            "faces": [
                (
                    f.sample,
                    f.ordinal,
                    f.timestamp,
                    f.shown_until,
                    f.scene,
                    f.x1,
                    f.y1,
                    f.x2,
                    f.y2,
                    f.landmarks,
                    f.confidence,
                    f.quality,
                    f.quality_reasons,
                    f.embedding,
                    f.crop_key,
                    number.get(f.track_id or 0),
                )
                for f in faces
            ],
            "crops": [context.blobs.read(f.crop_key) for f in faces],
            "tracks": [
                (t.start, t.end, t.face_count, t.quality, t.usable, place[t.best_face_id or 0], t.embedding)
                for t in tracks
            ],
            "video": [(video.interval, video.sampling, video.frames_sampled, video.warning, video.duration)],
            "thumbnail": [context.blobs.read(video.thumbnail_key or "")],
        }


def _segments(context: Context, job_id: str) -> list[Job]:
    with context.database.session() as session:
        return job_rows.children_of(session, job_id)


def _in_one_piece(folder: Path, models: Path, film: Path, options: IngestOptions) -> dict[str, list[tuple]]:
    context = _context(folder, models, 0)
    submission = submit_file(context, film, options)
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    return _rows(context)


@pytest.mark.parametrize("sampling", [Sampling.INTERVAL, Sampling.ADAPTIVE])
def test_segments_give_what_one_piece_gives_in_any_order(
    sampling: Sampling, tmp_path: Path, models_cache: Path, long_film: Path
) -> None:
    options = IngestOptions(interval=INTERVAL, sampling=sampling)
    expected = _in_one_piece(tmp_path / "whole", models_cache, long_film, options)
    assert expected["tracks"]
    assert len({len(face[4]) for face in expected["faces"]}) == 1  # each knows its frame
    context = _context(tmp_path / "parts", models_cache, 1.6 / 60)
    job_id = submit_file(context, long_film, options).job_id
    assert run_job(context, job_id) == Outcome.SPLIT
    segments = _segments(context, job_id)
    assert len(segments) == 4
    assert [one.params["first_sample"] for one in segments[1:]] == [one.params["end_sample"] for one in segments[:-1]]
    random.Random(3).shuffle(segments)
    done = 0.0
    for one in segments:
        assert get_job(context, job_id).state == JobState.RUNNING
        assert run_job(context, one.id) == Outcome.SUCCEEDED
        assert get_job(context, job_id).done > done
        done = get_job(context, job_id).done
    assert get_job(context, job_id).state == JobState.QUEUED
    assert run_job(context, job_id) == Outcome.SUCCEEDED
    assert _rows(context) == expected
    assert get_job(context, job_id).faces_found == len(expected["faces"])


def test_pause_resume_cancel_and_retry_in_the_middle(tmp_path: Path, models_cache: Path, long_film: Path) -> None:
    options = IngestOptions(interval=INTERVAL)
    expected = _in_one_piece(tmp_path / "whole", models_cache, long_film, options)
    context = _context(tmp_path / "parts", models_cache, 1.6 / 60)
    job_id = submit_file(context, long_film, options).job_id
    run_job(context, job_id)
    first, second, third, fourth = (one.id for one in _segments(context, job_id))
    assert run_job(context, third) == Outcome.SUCCEEDED
    job_control.pause_job(context, job_id)
    assert run_job(context, first) == Outcome.NOT_CLAIMED
    assert {one.state for one in _segments(context, job_id)} == {JobState.PAUSED, JobState.SUCCEEDED}
    job_control.resume_job(context, job_id)
    assert run_job(context, first) == Outcome.SUCCEEDED
    job_control.cancel_job(context, job_id)
    assert run_job(context, second) == Outcome.NOT_CLAIMED
    assert get_job(context, second).state == JobState.CANCELLED
    assert settle(context) == 1
    assert _rows(context)["video"][0][3] == "Only about 50 % was looked at: the work was cancelled."
    job_control.retry_job(context, job_id)
    assert run_job(context, fourth) == run_job(context, second) == Outcome.SUCCEEDED
    assert run_job(context, job_id) == Outcome.SUCCEEDED
    assert _rows(context) == expected


def test_discarded_in_the_middle_it_begins_anew(tmp_path: Path, models_cache: Path, long_film: Path) -> None:
    options = IngestOptions(interval=INTERVAL)
    expected = _in_one_piece(tmp_path / "whole", models_cache, long_film, options)
    context = _context(tmp_path / "parts", models_cache, 1.6 / 60)
    job_id = submit_file(context, long_film, options).job_id
    other = tmp_path / "the same.mp4"
    other.write_bytes(long_film.read_bytes())
    submit_file(context, other)  # so that the video stays
    run_job(context, job_id)
    assert run_job(context, _segments(context, job_id)[1].id) == Outcome.SUCCEEDED
    job_control.cancel_job(context, job_id, keep=False)
    assert _segments(context, job_id) == []
    assert list(context.blobs.list("faces")) == []
    job_control.retry_job(context, job_id)
    assert run_job(context, job_id) == Outcome.SPLIT
    for one in _segments(context, job_id):
        assert run_job(context, one.id) == Outcome.SUCCEEDED
    assert run_job(context, job_id) == Outcome.SUCCEEDED
    assert _rows(context) == expected


def test_a_segment_that_is_cut_off_goes_on_at_its_checkpoint(
    tmp_path: Path, models_cache: Path, long_film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = IngestOptions(interval=INTERVAL)
    expected = _in_one_piece(tmp_path / "whole", models_cache, long_film, options)
    context = _context(tmp_path / "parts", models_cache, 1.6 / 60)
    job_id = submit_file(context, long_film, options).job_id
    run_job(context, job_id)
    segments = [one.id for one in _segments(context, job_id)]
    real, calls = storing._look_at_chunk, []

    def is_told_to_stop(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        calls.append(arguments)
        context.stopping.set()

    monkeypatch.setattr(storing, "_look_at_chunk", is_told_to_stop)
    assert run_job(context, segments[2]) == Outcome.RELEASED
    assert len(calls) == 1
    assert get_job(context, segments[2]).next_sample == chunk_end(32)
    context.stopping.clear()
    monkeypatch.setattr(storing, "_look_at_chunk", real)
    for one in segments:
        assert run_job(context, one) == Outcome.SUCCEEDED
    assert run_job(context, job_id) == Outcome.SUCCEEDED
    assert _rows(context) == expected


def test_a_segment_that_fails_fails_the_whole_and_stops_the_others(
    tmp_path: Path, models_cache: Path, long_film: Path
) -> None:
    context = _context(tmp_path / "parts", models_cache, 1.6 / 60)
    submission = submit_file(context, long_film, IngestOptions(interval=INTERVAL))
    run_job(context, submission.job_id)
    first, *others = (one.id for one in _segments(context, submission.job_id))
    with context.database.session() as session:
        key = session.get_one(Video, submission.video_id).blob_key or ""
    data = context.blobs.read(key)
    context.blobs.delete(key)
    assert run_job(context, first) == Outcome.FAILED
    job = get_job(context, submission.job_id)
    assert job.state == JobState.FAILED
    assert job.error == "The video's file is no longer in the library. Add the video again."
    assert {get_job(context, one).state for one in others} == {JobState.CANCELLED}
    context.blobs.write(key, data)
    job_control.retry_job(context, job.id)
    assert [run_job(context, one) for one in (first, *others, job.id)] == [Outcome.SUCCEEDED] * 5


def test_of_a_file_that_breaks_off_the_same_is_told(tmp_path: Path, models_cache: Path, astronaut: Image) -> None:
    film = make_film(tmp_path / "whole.mkv", [astronaut], seconds_each=6.4)
    cut = truncate(film, tmp_path / "cut.mkv", 0.45)
    options = IngestOptions(interval=INTERVAL)
    expected = _in_one_piece(tmp_path / "whole", models_cache, cut, options)
    assert "cut off" in (expected["video"][0][3] or "")
    context = _context(tmp_path / "parts", models_cache, 1.6 / 60)
    job_id = submit_file(context, cut, options).job_id
    outcome = run_job(context, job_id)
    for one in _segments(context, job_id):
        assert run_job(context, one.id) == Outcome.SUCCEEDED
    assert (run_job(context, job_id) if outcome == Outcome.SPLIT else outcome) == Outcome.SUCCEEDED
    assert _rows(context) == expected


@pytest.mark.parametrize(
    ("name", "options", "found"),
    [
        ("a.mp4", {}, [20, 40, 60]),
        ("a.mkv", {}, [20, 40, 60]),
        ("a.mp4", {"gop": 1000}, [20, 40, 60]),
        ("a.ts", {}, []),
        ("a.avi", {"codec": "mpeg4"}, []),
        ("a.h264", {"container": "h264"}, []),
    ],
    ids=["mp4", "matroska", "one key frame, but near", "no index", "no true times", "no times at all"],
)
def test_where_a_file_can_be_cut(tmp_path: Path, name: str, options: dict, found: list[int]) -> None:
    path = make_video(tmp_path / name, **{"frames": 240, "rate": 30, **options})
    assert seams(path, 0.1, [20, 40, 60]) == found


def test_a_file_with_far_key_frames_is_not_cut_far_from_them(tmp_path: Path) -> None:
    path = make_video(tmp_path / "slow.mp4", frames=120, rate=1, gop=50)
    assert seams(path, 1.0, [10, 40, 55, 90, 105]) == [10, 55, 105]


def test_without_workers_nothing_is_cut(tmp_path: Path, models_cache: Path, long_film: Path) -> None:
    from app.services.context import build_context

    context = _context(tmp_path / "parts", models_cache, 1.6 / 60)
    alone = build_context(context.settings)
    job_id = submit_file(alone, long_film, IngestOptions(interval=INTERVAL)).job_id
    assert run_job(alone, job_id) == Outcome.SUCCEEDED
    with alone.database.session() as session:
        assert session.scalars(select(Job).where(Job.kind == JobKind.SEGMENT)).all() == []
