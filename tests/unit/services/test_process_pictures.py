"""From pictures to people, with the real engine."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from app.domain import Image, JobState, MediaKind, VideoOrigin
from app.models import Face, Person, Picture, Track, Video
from app.pixels import decode_image
from app.services import process_pictures as process_pictures_module
from app.services.again import look_again
from app.services.context import Context
from app.services.erase import delete_video
from app.services.export import export_faces
from app.services.grouping import cluster_library
from app.services.ingest import finish_upload, submit_file
from app.services.jobs import Outcome, get_job, run_job
from app.services.migrate_pack.sources import from_frames, has_file
from app.services.people import rename_person
from app.services.pictures import submit_pictures
from app.services.search import search_faces
from app.services.uploads import begin_upload
from app.storage import sources as source_rows
from app.storage import tracks as track_rows
from tests.stills import archive, still


@pytest.fixture
def album(tmp_path: Path, astronaut: Image, grace_hopper: Image) -> dict[str, bytes]:
    """Five pictures of two people, one with both, one with nobody, and a broken one; in order of time b, a, c, d."""
    both = np.zeros((512, 1024, 3), np.uint8)
    both[:, :512], both[:, 512:] = astronaut, grace_hopper[:512]
    return {
        "a.jpg": still("jpg", grace_hopper, taken="2026:11:22 11:00:00"),
        "b.png": still("png", np.ascontiguousarray(np.rot90(astronaut, 1)), taken="2026:11:22 10:00:00", orientation=6),
        "c.heic": still("heic", both, taken="2026:11:22 12:00:00"),
        "d.webp": still("webp", size=(300, 200), taken="2026:11:22 13:00:00"),
        "e.jpg": still("jpg", astronaut)[:5000],
    }


def _all(context: Context, table):
    with context.database.session() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def _upload(context: Context, path: Path):
    sink = begin_upload(context, path.name)
    sink.write(path.read_bytes())
    return finish_upload(context, sink)


def test_a_zip_file_of_pictures_gives_their_people(
    context: Context, tmp_path: Path, album: dict[str, bytes], astronaut: Image
) -> None:
    path = archive(tmp_path / "Holiday.bin", album)  # what it is called does not matter
    submission = _upload(context, path)
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    assert cluster_library(context).people == 2
    video = _all(context, Video)[0]
    assert (video.media_kind, video.title, video.duration) == (MediaKind.PICTURES, "Holiday", None)
    assert (video.frames_sampled, video.warning) == (4, "1 of 5 pictures could not be read.")
    pictures = _all(context, Picture)
    assert [(one.number, one.file_name, bool(one.error)) for one in pictures] == [
        (0, "b.png", False), (1, "a.jpg", False), (2, "c.heic", False), (3, "d.webp", False), (4, "e.jpg", True),
    ]  # fmt: skip
    assert pictures[0].taken_at == "2026-11-22T10:00:00"
    assert (pictures[2].width, pictures[2].height) == (1024, 512)
    for one in pictures[:4]:
        assert decode_image(context.blobs.read(one.blob_key or "")).shape == (one.height, one.width, 3)
    faces = [face for face in _all(context, Face) if face.person_id is not None]
    assert [face.sample for face in faces] == [0, 1, 2, 2]
    assert all(face.timestamp == face.sample for face in faces)
    assert faces[0].person_id == faces[2].person_id
    assert faces[1].person_id == faces[3].person_id
    assert faces[2].x1 < 512 < faces[3].x1
    job = get_job(context, submission.job_id)
    assert (job.done, job.total, job.note) == (5, 5, video.warning)
    rows = list(csv.DictReader(io.StringIO("".join(export_faces(context, "csv")))))
    assert [(row["timestamp"], row["picture"]) for row in rows if row["person_id"]] == [
        ("0.0", "b.png"), ("1.0", "a.jpg"), ("2.0", "c.heic"), ("2.0", "c.heic"),
    ]  # fmt: skip
    found = search_faces(context, astronaut, top=1)[0].moments[0].face
    assert (found.media_kind, found.timestamp) == (MediaKind.PICTURES, 0.0)


def test_each_face_is_a_track_of_its_own_and_two_of_one_picture_are_two_people(
    context: Context, tmp_path: Path, astronaut: Image
) -> None:
    """The same face twice in one picture: alike as can be, and yet never one person."""
    twice = np.concatenate([astronaut, astronaut], axis=1)
    path = archive(tmp_path / "a.zip", {"a.png": still("png", twice), "b.png": still("png", astronaut)})
    run_job(context, _upload(context, path).job_id)
    usable = [track for track in _all(context, Track) if track.usable]
    assert [track.face_count for track in usable] == [1, 1, 1]
    with context.database.session() as session:
        pairs = track_rows.seen_together(session, usable_only=True)
    assert pairs.tolist() == [[usable[0].id, usable[1].id]]
    assert cluster_library(context).people == 2


def test_a_single_picture_and_the_same_bytes_again(context: Context, tmp_path: Path, astronaut: Image) -> None:
    path = tmp_path / "face.tiff"
    path.write_bytes(still("tiff", astronaut))
    submission = submit_file(context, path)
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    assert [one.file_name for one in _all(context, Picture)] == ["face.tiff"]
    assert len([face for face in _all(context, Face) if face.quality > 0.5]) == 1
    again = _upload(context, path)
    assert (again.duplicate, again.video_id, again.interval) == (True, submission.video_id, None)
    with context.database.session() as session:
        found = [(one.origin, one.address) for one in source_rows.for_video(session, submission.video_id)]
    assert found == [(VideoOrigin.FILE, str(path.resolve())), (VideoOrigin.UPLOAD, None)]


def test_an_interrupted_attempt_goes_on_at_its_checkpoint(
    context: Context, tmp_path: Path, astronaut: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pictures_module, "CHUNK_PICTURES", 2)
    shades = [np.clip(astronaut.astype(int) - 5 * n, 0, 255).astype(np.uint8) for n in range(5)]
    path = archive(tmp_path / "a.zip", {f"{n}.png": still("png", shade) for n, shade in enumerate(shades)})
    submission = _upload(context, path)
    real, calls = process_pictures_module._look_at_chunk, []

    def is_told_to_stop(*arguments: object) -> None:
        calls.append(arguments)
        real(*arguments)  # type: ignore[arg-type]
        if len(calls) == 1:
            context.stopping.set()

    monkeypatch.setattr(process_pictures_module, "_look_at_chunk", is_told_to_stop)
    assert run_job(context, submission.job_id) == Outcome.RELEASED
    assert get_job(context, submission.job_id).next_sample == 2
    before = [face.id for face in _all(context, Face)]
    context.stopping.clear()
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    assert len(calls) == 3
    faces = _all(context, Face)
    assert [face.id for face in faces][: len(before)] == before
    assert {face.sample for face in faces} == set(range(5))


def test_a_set_without_a_readable_picture_fails(context: Context, tmp_path: Path, astronaut: Image) -> None:
    data = still("jpg", astronaut)
    submission = _upload(context, archive(tmp_path / "a.zip", {"a.jpg": data[:4000], "b.jpg": data[:3000]}))
    assert run_job(context, submission.job_id) == Outcome.FAILED
    job = get_job(context, submission.job_id)
    assert (job.error_code, job.error) == ("unreadable_media", "Not one of these pictures could be read.")


@pytest.mark.parametrize("in_place", [False, True], ids=["copied", "in place"])
def test_a_folder_is_one_set(context: Context, tmp_path: Path, album: dict[str, bytes], in_place: bool) -> None:
    folder = tmp_path / "Our wedding"
    folder.mkdir()
    for name, data in album.items():
        (folder / name).write_bytes(data)
    files = sorted(folder.iterdir())
    (submission,) = submit_pictures(context, folder, files, in_place=in_place)
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    video = _all(context, Video)[0]
    assert (video.title, video.frames_sampled) == ("Our wedding", 4)
    assert (video.blob_key is None, video.local_path) == ((True, str(folder)) if in_place else (False, None))
    assert cluster_library(context).people == 2
    with context.database.session() as session:
        known = source_rows.known_files(session)
    assert {str(path): path.stat().st_size for path in files} == {path: one.size for path, one in known.items()}
    (again,) = submit_pictures(context, folder, files, in_place=not in_place)
    assert (again.duplicate, again.video_id) == (True, submission.video_id)
    delete_video(context, video.id)
    assert sorted(folder.iterdir()) == files
    assert _all(context, Picture) == []
    assert [path for path in (tmp_path / "library").rglob("*") if path.suffix in (".jpg", ".zip")] == []


def test_pictures_used_in_place_that_change_or_vanish_are_named(
    context: Context, tmp_path: Path, astronaut: Image, grace_hopper: Image
) -> None:
    folder = tmp_path / "stills"
    folder.mkdir()
    for name, image in (("a.png", astronaut), ("b.png", grace_hopper), ("c.png", astronaut[::-1])):
        (folder / name).write_bytes(still("png", np.ascontiguousarray(image)))
    (submission,) = submit_pictures(context, folder, sorted(folder.iterdir()), in_place=True)
    (folder / "b.png").write_bytes(still("png", astronaut))
    (folder / "c.png").unlink()
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    assert [one.error for one in _all(context, Picture)] == [
        None,
        "b.png was changed since it was added. Add it again.",
        "c.png is no longer where it was when it was added. Put it back, or add it again from where it is now.",
    ]
    assert get_job(context, submission.job_id).state == JobState.SUCCEEDED


def test_looked_at_again_names_stay_and_what_was_found_is_there_until_the_end(
    context: Context, tmp_path: Path, album: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _upload(context, archive(tmp_path / "a.zip", album))
    run_job(context, first.job_id)
    cluster_library(context)
    people = {face.sample: face.person_id for face in _all(context, Face) if face.person_id}
    rename_person(context, people[0] or 0, "Eileen Collins")
    again = look_again(context, first.video_id)
    real = process_pictures_module._look_at_chunk

    def is_told_to_stop(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        context.stopping.set()

    monkeypatch.setattr(process_pictures_module, "_look_at_chunk", is_told_to_stop)
    monkeypatch.setattr(process_pictures_module, "CHUNK_PICTURES", 3)
    assert run_job(context, again.job_id) == Outcome.RELEASED
    assert {face.sample: face.person_id for face in _all(context, Face) if face.person_id} == people
    context.stopping.clear()
    monkeypatch.setattr(process_pictures_module, "_look_at_chunk", real)
    assert run_job(context, again.job_id) == Outcome.SUCCEEDED
    faces = _all(context, Face)
    assert min(face.sample for face in faces) == 0
    assert {face.sample: face.person_id for face in faces if face.person_id} == people
    assert all(context.blobs.exists(face.crop_key) for face in faces)
    assert cluster_library(context).new_people == 0
    assert [person.name for person in _all(context, Person)] == ["Eileen Collins", None]


@pytest.mark.parametrize("in_place", [False, True], ids=["copied", "in place"])
def test_a_change_of_pack_finds_the_pictures_again(
    context: Context, tmp_path: Path, album: dict[str, bytes], in_place: bool
) -> None:
    folder = tmp_path / "stills"
    folder.mkdir()
    for name, data in album.items():
        (folder / name).write_bytes(data)
    (submission,) = submit_pictures(context, folder, sorted(folder.iterdir()), in_place=in_place)
    run_job(context, submission.job_id)
    video, faces = _all(context, Video)[0], sorted(_all(context, Face), key=lambda face: face.sample)
    assert has_file(context, video)
    seen = list(from_frames(context, video, 0.0, faces))
    assert [(one[0].face.sample, len(one), one[0].image.shape[1]) for one in seen if one[0].face.sample == 2] == [
        (2, len([face for face in faces if face.sample == 2]), 1024)
    ]
    assert sum(len(one) for one in seen) == len(faces)
    if in_place:
        (folder / "c.heic").unlink()
        assert 2 not in {one[0].face.sample for one in from_frames(context, video, 0.0, faces)}
