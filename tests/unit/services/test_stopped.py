"""What becomes of a cancelled job's findings; and what a video keeps while it is looked at again."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from app.domain import JobState
from app.media import sampling
from app.models import Face, Job, Person, Track, Video
from app.services.again import look_again
from app.services.context import Context
from app.services.grouping import cluster_library
from app.services.ingest import submit_file
from app.services.ingest_options import IngestOptions
from app.services.job_control import cancel_job, retry_job
from app.services.jobs import Outcome, get_job, run_job
from app.services.people import rename_person
from app.services.process_video import storing
from app.services.stopped import settle
from app.storage import faces as face_rows


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_CHUNK_INTERVALS", 4)


def _all(context: Context, table):
    with context.database.session() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def _shown(context: Context, video_id: int) -> list[tuple[int, bytes, int | None]]:
    with context.database.session() as session:
        return [(face.sample, face.embedding, face.person_id) for face in face_rows.in_video(session, video_id)]


def _crops(context: Context) -> set[str]:
    folder = context.settings.faces_folder
    return {f"faces/{path.relative_to(folder)}" for path in folder.rglob("*_*.jpg")}


def _stop_after(chunks: int, context: Context, monkeypatch: pytest.MonkeyPatch, job_id: str, *, keep: bool) -> None:
    """Runs a job that a person cancels while its next chunk is looked at."""
    real, calls = storing._look_with, []

    def look(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == chunks + 1:
            cancel_job(context, job_id, keep=keep)
        real(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(storing, "_look_with", look)
        assert run_job(context, job_id) == Outcome.CANCELLED


def test_kept_findings_are_linked_and_the_video_says_so(
    context: Context, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = submit_file(context, film)
    _stop_after(1, context, monkeypatch, submission.job_id, keep=True)
    assert _all(context, Track) == []
    assert settle(context) == 1
    assert settle(context) == 0
    assert {face.sample for face in _all(context, Face)} == {0, 1, 2, 3}
    assert all(face.track_id for face in _all(context, Face))
    video = _all(context, Video)[0]
    assert video.warning == "Only about 50 % was looked at: the work was cancelled."
    assert video.processed_at is not None
    assert _crops(context) == {face.crop_key for face in _all(context, Face)}
    retry_job(context, submission.job_id)
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    assert {face.sample for face in _all(context, Face)} == set(range(8))
    assert _all(context, Video)[0].warning is None


def test_discarded_the_video_goes_with_its_files(context: Context, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submission = submit_file(context, film)
    _stop_after(1, context, monkeypatch, submission.job_id, keep=False)
    assert _all(context, Face) == _all(context, Track) == _all(context, Video) == []
    assert [p for p in context.settings.faaaaaces_data.rglob("*") if p.suffix in (".jpg", ".mp4")] == []
    job = get_job(context, submission.job_id)
    assert (job.state, job.video_id, job.note) == (
        JobState.CANCELLED,
        None,
        "two people: removed with all that was found in it.",
    )
    retry_job(context, job.id)
    assert run_job(context, job.id) == Outcome.FAILED
    assert "deleted" in (get_job(context, job.id).error or "")


def test_a_video_that_came_from_elsewhere_too_stays(
    context: Context, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = submit_file(context, film)
    other = tmp_path / "the same.mp4"
    other.write_bytes(film.read_bytes())
    assert submit_file(context, other).duplicate
    _stop_after(1, context, monkeypatch, submission.job_id, keep=False)
    assert _all(context, Face) == []
    assert _crops(context) == set()
    assert len(_all(context, Video)) == 1
    retry_job(context, submission.job_id)
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    assert {face.sample for face in _all(context, Face)} == set(range(8))


@pytest.fixture
def named(context: Context, film: Path) -> int:
    """A video whose two people have names."""
    submission = submit_file(context, film)
    run_job(context, submission.job_id)
    cluster_library(context)
    for person, name in zip(_all(context, Person), ("Eileen", "Grace"), strict=True):
        rename_person(context, person.id, name)
    return submission.video_id


def _names(context: Context) -> dict[str | None, int]:
    people = {person.id: person.name for person in _all(context, Person)}
    found: dict[str | None, int] = {}
    for face in _all(context, Face):
        if face.person_id is not None:
            found[people[face.person_id]] = found.get(people[face.person_id], 0) + 1
    return found


def test_looked_at_again_names_survive(context: Context, named: int) -> None:
    before = _names(context)
    job_id = look_again(context, named, IngestOptions(interval=0.5)).job_id
    assert run_job(context, job_id) == Outcome.SUCCEEDED
    assert {face.sample for face in _all(context, Face)} == set(range(16))
    after = _names(context)  # also before the next grouping
    assert after.keys() == before.keys() == {"Eileen", "Grace"}
    assert all(after[name] >= 1.8 * before[name] for name in before)
    cluster_library(context)
    assert _names(context) == after
    assert _crops(context) == {face.crop_key for face in _all(context, Face)}
    assert _all(context, Video)[0].interval == 0.5


@pytest.mark.parametrize("keep", [True, False])
def test_a_new_look_that_is_cancelled(
    keep: bool, context: Context, named: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _shown(context, named)
    job_id = look_again(context, named, IngestOptions(interval=0.5)).job_id
    _stop_after(2, context, monkeypatch, job_id, keep=keep)
    assert _shown(context, named) == before  # of the new run nothing is seen before it has ended
    settle(context)
    if keep:
        assert {face.sample for face in _all(context, Face)} == set(range(8))
        assert set(_names(context)) == {"Eileen"}
    else:
        assert _shown(context, named) == before
        assert len(_all(context, Face)) == len(before)
    assert _crops(context) == {face.crop_key for face in _all(context, Face)}
    retry_job(context, job_id)
    assert run_job(context, job_id) == Outcome.SUCCEEDED
    assert {sample for sample, *_ in _shown(context, named)} == set(range(16))
    assert _crops(context) == {face.crop_key for face in _all(context, Face)}


def test_a_new_look_that_fails_leaves_what_was_there(
    context: Context, named: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _shown(context, named)
    job_id = look_again(context, named, IngestOptions(interval=0.5)).job_id
    real, calls = storing._look_with, []

    def breaks(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) > 2:
            raise ValueError("broken")
        real(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(storing, "_look_with", breaks)
        assert run_job(context, job_id) == Outcome.FAILED
    assert _shown(context, named) == before
    cluster_library(context)
    assert _shown(context, named) == before
    retry_job(context, job_id)
    assert run_job(context, job_id) == Outcome.SUCCEEDED
    assert {sample for sample, *_ in _shown(context, named)} == set(range(16))
    assert set(_names(context)) == {"Eileen", "Grace"}
    with context.database.session() as session:
        assert session.get_one(Job, job_id).params["hidden"] is False
