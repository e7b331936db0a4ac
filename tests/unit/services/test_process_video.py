"""From a film to its people, with the real engine: faces, crops, tracks, search, export, deletion."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from app.domain import Attributes, Detection, Image, JobState
from app.errors import NotFoundError
from app.media import sampling
from app.models import Face, Job, Person, Track, Video
from app.pixels import decode_image
from app.services.context import Context
from app.services.erase import delete_video
from app.services.export import FACE_COLUMNS, export_faces
from app.services.grouping import cluster_library
from app.services.ingest import submit_file
from app.services.ingest_options import IngestOptions
from app.services.jobs import Outcome, get_job, run_job
from app.services.people import rename_person
from app.services.process_video import storing
from app.services.search import search_faces
from app.storage import vectors


@pytest.fixture
def library(context: Context, film: Path) -> Context:
    submission = submit_file(context, film)
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    cluster_library(context)
    return context


def _all(context: Context, table):
    with context.database.session() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def test_a_film_of_two_people_gives_two_people(library: Context) -> None:
    faces, tracks, people = _all(library, Face), _all(library, Track), _all(library, Person)
    assert len(people) == 2
    assert {face.sample for face in faces if face.person_id} == set(range(8))
    by_person = [sorted(face.timestamp for face in faces if face.person_id == person.id) for person in people]
    assert [max(times) < 4 or min(times) >= 4 for times in by_person] == [True, True]
    assert all(person.cover_face_id in {face.id for face in faces if face.person_id == person.id} for person in people)
    assert sum(track.usable for track in tracks) >= 2


def test_what_is_stored_of_a_face_is_right(library: Context) -> None:
    video = _all(library, Video)[0]
    for face in _all(library, Face):
        assert 0 <= face.x1 < face.x2 <= (video.width or 0) * 1.1
        assert 0.7 <= face.confidence <= 1
        assert 0 <= face.quality <= 1
        embedding = vectors.decode(face.embedding)
        assert embedding.shape == (128,)
        assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)
        landmarks = vectors.decode(face.landmarks).reshape(5, 2)
        assert ((landmarks >= [face.x1, face.y1]) & (landmarks <= [face.x2, face.y2])).all()
        crop = decode_image(library.blobs.read(face.crop_key))
        assert 40 <= max(crop.shape[:2]) <= 256
    assert decode_image(library.blobs.read(video.thumbnail_key or "")).shape[1] >= 384


def test_the_job_tells_how_it_went(library: Context) -> None:
    job = next(job for job in _all(library, Job) if job.video_id)
    assert (job.state, job.step, job.done, job.faces_found) == (JobState.SUCCEEDED, "done", 8, len(_all(library, Face)))
    assert (job.attempts, job.error, job.lease_token) == (1, None, None)
    video = _all(library, Video)[0]
    assert (video.frames_sampled, video.interval, video.codec) == (8, 1.0, "h264")
    assert video.duration == pytest.approx(8.0, abs=0.2)


def test_an_interrupted_attempt_goes_on_at_its_checkpoint(
    context: Context, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "_CHUNK_INTERVALS", 4)
    undisturbed = submit_file(context, film, IngestOptions(interval=0.5))
    run_job(context, undisturbed.job_id)
    expected = _findings(context)
    delete_video(context, undisturbed.video_id)

    submission = submit_file(context, film, IngestOptions(interval=0.5))
    real, calls = storing._look_at_chunk, []

    def dies_at_the_third(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt  # like a kill: nobody gets to write to the job's row
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(storing, "_look_at_chunk", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run_job(context, submission.job_id)
    job = get_job(context, submission.job_id)
    assert (job.state, job.next_sample) == (JobState.RUNNING, 8)
    monkeypatch.setattr(storing, "_look_at_chunk", real)
    with context.database.write() as session:
        session.get_one(Job, job.id).state = JobState.QUEUED
    assert run_job(context, job.id) == Outcome.SUCCEEDED
    assert _findings(context) == expected
    assert get_job(context, job.id).attempts == 2


def test_a_worker_that_stops_gives_its_job_back(context: Context, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_CHUNK_INTERVALS", 4)
    submission = submit_file(context, film)
    real = storing._look_at_chunk

    def is_told_to_stop(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        context.stopping.set()

    monkeypatch.setattr(storing, "_look_at_chunk", is_told_to_stop)
    assert run_job(context, submission.job_id) == Outcome.RELEASED
    job = get_job(context, submission.job_id)
    assert (job.state, job.next_sample, job.attempts) == (JobState.QUEUED, 4, 0)
    context.stopping.clear()
    monkeypatch.setattr(storing, "_look_at_chunk", real)
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    assert [face.sample for face in _all(context, Face) if face.quality > 0.5] == list(range(8))


def _findings(context: Context) -> list[tuple]:
    return [(f.sample, f.ordinal, f.timestamp, f.x1, f.y1, f.embedding, f.quality) for f in _all(context, Face)]


def test_a_face_is_found_again_by_a_picture(library: Context, astronaut: Image, grace_hopper: Image) -> None:
    for image, seen in ((astronaut, lambda t: t < 4), (grace_hopper, lambda t: t >= 4)):
        result = search_faces(library, image, top=5)[0]
        assert result.people[0].similarity > 50
        assert result.people[1].similarity < 50
        assert all(seen(moment.face.timestamp) for moment in result.moments[:3])
    assert search_faces(library, np.zeros((64, 64, 3), np.uint8)) == []


def test_a_name_survives_a_new_grouping(library: Context) -> None:
    before = _all(library, Person)
    rename_person(library, before[1].id, "  Grace   Hopper ")
    summary = cluster_library(library)
    assert (summary.people, summary.new_people, summary.changed) == (2, 0, 0)
    assert [(person.id, person.name) for person in _all(library, Person)] == [
        (before[0].id, None),
        (before[1].id, "Grace Hopper"),
    ]
    with pytest.raises(NotFoundError):
        rename_person(library, 999, "Nobody")


def test_the_export_has_every_face_in_both_formats(library: Context) -> None:
    rename_person(library, _all(library, Person)[0].id, '=Eileen, "Collins"')
    rows = list(csv.DictReader(io.StringIO("".join(export_faces(library, "csv")))))
    objects = json.loads("".join(export_faces(library, "json")))
    faces = _all(library, Face)
    assert len(rows) == len(objects) == len(faces)
    assert tuple(rows[0]) == tuple(objects[0]) == FACE_COLUMNS
    assert objects[0]["name"] == '=Eileen, "Collins"'
    assert rows[0]["name"] == '\'=Eileen, "Collins"'
    assert [row["face_id"] for row in rows] == [str(face.id) for face in faces]
    assert float(rows[0]["x1"]) == pytest.approx(faces[0].x1, abs=1e-3)
    assert rows[0]["file_name"] == "two people.mp4"
    assert (rows[0]["aliases"], rows[0]["confirmed"]) == ("", "false")


def test_the_export_tells_what_users_said(library: Context) -> None:
    with library.database.write() as session:
        first, second = session.scalars(select(Person).order_by(Person.id))
        first.aliases = ["=E.", "Mom"]
        for track in session.scalars(select(Track).where(Track.person_id == first.id)):
            track.confirmed = True
        session.scalars(select(Face).where(Face.person_id == second.id)).first().dismissed = True
    rows = list(csv.DictReader(io.StringIO("".join(export_faces(library, "csv")))))
    objects = json.loads("".join(export_faces(library, "json")))
    assert len(rows) == len(objects) == len(_all(library, Face)) - 1
    theirs = [(row, one) for row, one in zip(rows, objects, strict=True) if one["person_id"] == first.id]
    assert {row["aliases"] for row, _ in theirs} == {"'=E.; Mom"}
    assert all(one["aliases"] == ["=E.", "Mom"] and one["confirmed"] for _, one in theirs)
    assert {row["confirmed"] for row in rows} == {"true", "false"}


def test_deleting_a_video_deletes_all_that_came_of_it(library: Context) -> None:
    rename_person(library, _all(library, Person)[0].id, "Eileen")
    delete_video(library, _all(library, Video)[0].id)
    with library.database.session() as session:
        counts = {
            table.__tablename__: session.scalar(select(func.count()).select_from(table))
            for table in (Video, Face, Track)
        }
    assert counts == {"video": 0, "face": 0, "track": 0}
    assert [person.name for person in _all(library, Person)] == ["Eileen"]
    left = [p for p in library.settings.faaaaaces_data.rglob("*") if p.suffix in (".jpg", ".mp4")]
    assert left == []
    with pytest.raises(NotFoundError):
        delete_video(library, 1)


def test_guesses_are_stored_and_exported(context: Context, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The networks behind the guesses have tests of their own; here it is about where the answers go.
    monkeypatch.setattr(context.engine(), "_attributes", _Answers())
    assert run_job(context, submit_file(context, film).job_id) == Outcome.SUCCEEDED
    first, *_ = json.loads("".join(export_faces(context, "json")))
    assert first["attributes"] == {"age": 42.0, "liveness": 0.75}
    rows = list(csv.DictReader(io.StringIO("".join(export_faces(context, "csv")))))
    assert {json.loads(row["attributes"])["age"] for row in rows} == {42.0}


class _Answers:
    def read(self, image: Image, detections: Sequence[Detection]) -> list[Attributes]:
        return [Attributes(age=42.0, liveness=0.75) for _ in detections]
