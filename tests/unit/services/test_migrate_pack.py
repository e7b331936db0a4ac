"""A library of two named people, measured with another pack and back: a real network each time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, text

from app.domain import BoundingBox, Detection, Image, JobKind, JobState, RunState
from app.errors import ConfigError, ConflictError, ModelError
from app.media.frames import FrameSampler
from app.media.images import encode_jpeg
from app.models import (
    Base,
    ClusteringRun,
    EmbeddingSpace,
    Face,
    Job,
    LinkRule,
    PackMigration,
    Person,
    ReviewQuestion,
    StagedFace,
    Track,
    Video,
    utc_now,
)
from app.pixels import decode_image
from app.services.context import Context
from app.services.erase import delete_video
from app.services.grouping import cluster_library
from app.services.ingest import submit_file
from app.services.jobs import Outcome, get_job, run_job
from app.services.migrate_pack import (
    MigrationReport,
    Progress,
    give_up,
    is_needed,
    load_engine,
    migrate,
    preview,
)
from app.services.migrate_pack import measure as measure_module
from app.services.migrate_pack import run as run_module
from app.services.migrate_pack import stage as stage_module
from app.services.migrate_pack.sources import into_crop
from app.services.owners import current_owner
from app.services.people import Chosen, Facts, confirm_faces, dismiss_faces, edit_person, remove_faces, rename_person
from app.services.process_video import CROP_SIDE, crop_window, linking
from app.services.search import search_faces
from app.storage import jobs, spaces, tracks, vectors
from app.vision import FaceEngine, get_pack
from tests.library import make_context

PLAIN = get_pack("bundled", flip=False)


@pytest.fixture(scope="module")
def plain(models_cache: Path) -> FaceEngine:
    """The bundled networks without mirror images: another space."""
    return FaceEngine(PLAIN, models_cache)


@pytest.fixture(scope="module")
def bundled(models_cache: Path) -> FaceEngine:
    return FaceEngine(get_pack("bundled"), models_cache)


def build(context: Context, film: Path) -> Context:
    submission = submit_file(context, film)
    assert run_job(context, submission.job_id) == Outcome.SUCCEEDED
    cluster_library(context)
    for person, name in zip(rows(context, Person), ("Eileen", "Grace"), strict=True):
        rename_person(context, person.id, name)
    return context


@pytest.fixture
def library(context: Context, film: Path) -> Context:
    """Two named people in a SQLite library."""
    return build(context, film)


@pytest.fixture
def any_library(database_url: str, tmp_path: Path, models_cache: Path, film: Path) -> Context:
    """The same on SQLite and on PostgreSQL."""
    settings = {"models_folder": str(models_cache), "max_video_size_mb": 50, "database_url": database_url}
    context = build(make_context(tmp_path / "library", **settings), film)
    yield context
    context.database.dispose()


def rows(context: Context, table: Any) -> list[Any]:
    with context.database.session() as session:
        return list(session.scalars(select(table).order_by(*table.__table__.primary_key)))


def pin(context: Context) -> tuple[str, str, int]:
    with context.database.session() as session:
        space = spaces.pinned(session)
    assert space is not None
    return space.name, space.pack, space.dimension


def everything(context: Context) -> dict[str, list[Any]]:
    """All rows of all tables but the locks."""
    with context.database.session() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in Base.metadata.sorted_tables
            if table.name != "lock"
        }


def kept_of(face: Face) -> tuple[Any, ...]:
    """What a change of pack must not touch."""
    place = (face.id, face.video_id, face.sample, face.ordinal, face.timestamp, face.crop_key)
    return (*place, face.x1, face.y1, face.x2, face.y2, face.landmarks, face.confidence, face.track_id, face.person_id)


def distances(one: list[Face], other: list[Face]) -> np.ndarray:
    a, b = (np.stack([vectors.decode(face.embedding) for face in faces]) for faces in (one, other))
    return 1 - (a * b).sum(1)


def remove_crops(context: Context, wanted: Callable[[Face], bool] = lambda _: True) -> list[int]:
    chosen = [face for face in rows(context, Face) if wanted(face)]
    for face in chosen:
        context.blobs.delete(face.crop_key)
    return [face.id for face in chosen]


def remove_videos(context: Context) -> None:
    for video in rows(context, Video):
        context.blobs.delete(video.blob_key)


def test_there_and_back_people_names_and_faces_stay(
    any_library: Context, plain: FaceEngine, bundled: FaceEngine
) -> None:
    faces, people, old_tracks = (rows(any_library, table) for table in (Face, Person, Track))
    old_pin = pin(any_library)

    report = migrate(any_library, plain)
    assert report.applied
    assert (report.faces, report.tracks, report.sources) == (len(faces), len(old_tracks), {"crop": len(faces)})
    assert (report.before, report.after) == (
        replace(report.after, pack="bundled", usable_tracks=report.before.usable_tracks),
        report.after,
    )
    assert (report.after.people, report.after.named_seen, report.changed_tracks, report.new_people) == (2, 2, 0, 0)
    assert pin(any_library) == (PLAIN.space, "bundled", 128)
    there = rows(any_library, Face)
    assert [kept_of(face) for face in there] == [kept_of(face) for face in faces]
    assert [(person.id, person.name) for person in rows(any_library, Person)] == [(p.id, p.name) for p in people]
    assert distances(faces, there).min() > 1e-4, "the vectors are the old ones"
    assert np.abs([a.quality - b.quality for a, b in zip(faces, there, strict=True)]).max() < 0.1
    for track, old in zip(rows(any_library, Track), old_tracks, strict=True):
        own = [face for face in there if face.track_id == track.id]
        mean = np.sum([face.quality * vectors.decode(face.embedding) for face in own if not face.quality_reasons], 0)
        if track.usable:
            assert vectors.decode(track.embedding) @ mean / np.linalg.norm(mean) == pytest.approx(1, abs=1e-4)
        assert (track.id, track.start, track.end, track.face_count) == (old.id, old.start, old.end, old.face_count)
        assert track.best_face_id in {face.id for face in own}
    assert rows(any_library, StagedFace) == rows(any_library, PackMigration) == []
    assert cluster_library(any_library).changed == 0

    migrate(any_library, bundled)
    assert pin(any_library) == old_pin
    back = rows(any_library, Face)
    assert [kept_of(face) for face in back] == [kept_of(face) for face in faces]
    assert distances(faces, back).max() < 0.01
    assert [person.name for person in rows(any_library, Person)] == ["Eileen", "Grace"]


def test_what_users_decided_stays(library: Context, plain: FaceEngine) -> None:
    eileen, grace = (person.id for person in rows(library, Person))
    theirs = [face.id for face in rows(library, Face) if face.person_id == eileen]
    dismiss_faces(library, Chosen(faces=theirs[:1]))
    edit_person(library, eileen, Facts(cover_face_id=theirs[-1], notes="met in Rome"))
    (track, *_) = [track for track in rows(library, Track) if track.person_id == eileen]
    confirm_faces(library, eileen, Chosen(tracks=[track.id]))
    remove_faces(library, Chosen(tracks=[track.id for track in rows(library, Track) if track.person_id == grace][:1]))
    with library.database.write() as session:
        session.add(ReviewQuestion(pair="p1-p2", person_id=eileen, other_person_id=grace, similarity=50, value=1))
        session.add(ClusteringRun(state=RunState.PREVIEW))
    before = {name: everything(library)[name] for name in ("link_rule",)}
    assert before["link_rule"]
    dismissed = [face.id for face in rows(library, Face) if face.dismissed]
    assert migrate(library, plain).applied
    assert {name: everything(library)[name] for name in before} == before
    assert [face.id for face in rows(library, Face) if face.dismissed] == dismissed == theirs[:1]
    person = rows(library, Person)[0]
    assert (person.name, person.notes, person.cover_face_id, person.cover_chosen) == (
        "Eileen",
        "met in Rome",
        theirs[-1],
        True,
    )
    kept = [one for one in rows(library, Track) if one.id == track.id]
    assert [(one.person_id, one.confirmed) for one in kept] == [(eileen, True)]
    (rule,) = rows(library, LinkRule)
    assert [one.person_id for one in rows(library, Track) if one.id == rule.track_id] != [rule.person_id]
    assert rows(library, ReviewQuestion) == []
    assert RunState.PREVIEW not in [run.state for run in rows(library, ClusteringRun)]


def test_a_preview_writes_nothing_and_foretells_the_change(library: Context, plain: FaceEngine) -> None:
    before = everything(library)
    told: list[tuple[str, int, int]] = []
    foreseen = preview(library, plain, lambda progress: told.append((progress.step, progress.done, progress.total)))
    assert everything(library) == before
    assert not foreseen.applied
    assert foreseen.estimated_seconds > 0
    faces = len(before["face"])
    assert told[-1] == ("grouping", faces, faces)
    done = migrate(library, plain)
    same = ("before", "after", "faces", "tracks", "sources", "gone", "changed_tracks", "new_people")
    assert [getattr(done, name) for name in same] == [getattr(foreseen, name) for name in same]


def test_missing_crops_are_taken_from_the_video(library: Context, plain: FaceEngine, film: Path) -> None:
    chosen = remove_crops(library, lambda face: face.sample % 2 == 1)
    report = migrate(library, plain)
    assert report.sources == {"crop": report.faces - len(chosen), "frame": len(chosen)}
    with FrameSampler(film, 1.0) as sampler:
        seen = {frame.sample: plain.analyse([frame.image])[0] for frame in sampler}
    for face in rows(library, Face):
        exact = vectors.decode(face.embedding) @ seen[face.sample][face.ordinal].embedding
        assert exact == pytest.approx(1, abs=1e-5 if face.id in chosen else 0.01)


@pytest.mark.parametrize("damage", [b"", b"no picture", "small"], ids=["empty", "no picture", "of another size"])
def test_a_crop_that_is_not_what_it_was_is_not_trusted(
    library: Context, plain: FaceEngine, astronaut: Image, damage: bytes | str
) -> None:
    face = rows(library, Face)[0]
    data = encode_jpeg(astronaut, max_side=50) if isinstance(damage, str) else damage
    library.blobs.write(face.crop_key, data)
    report = preview(library, plain)
    assert report.sources == {"crop": report.faces - 1, "frame": 1}


def test_an_embedder_that_wants_more_detail_gets_the_frame(
    library: Context, plain: FaceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrunk = [face for face in rows(library, Face) if max(face.x2 - face.x1, face.y2 - face.y1) * 1.6 > CROP_SIDE + 2]
    assert shrunk, "the film has no large face"
    monkeypatch.setattr(measure_module, "MOST_ENLARGED", 0.1)
    assert preview(library, plain).sources["frame"] >= len(shrunk)
    remove_videos(library)
    assert set(preview(library, plain).sources) == {"crop"}, "a small picture is better than none"


def test_what_cannot_be_measured_is_listed_and_kept_and_comes_back(
    any_library: Context, plain: FaceEngine, bundled: FaceEngine, astronaut: Image
) -> None:
    library = any_library
    faces = {face.id: face for face in rows(library, Face)}
    whole = next(track for track in rows(library, Track) if track.person_id == rows(library, Person)[0].id)
    lost = remove_crops(library, lambda face: face.track_id == whole.id or face.sample == 5)
    remove_videos(library)
    foreseen = preview(library, plain)
    report = migrate(library, plain)
    assert [face.face_id for face in report.gone] == [face.face_id for face in foreseen.gone] == sorted(lost)
    assert report.gone[0].title == "two people"
    assert report.sources == {"crop": len(faces) - len(lost), "gone": len(lost)}
    assert (report.after, report.after.named_seen) == (foreseen.after, 2)
    for face in rows(library, Face):
        assert kept_of(face) == kept_of(faces[face.id])
        assert (face.embedding == faces[face.id].embedding) == (face.id in lost)
    with library.database.session() as session:
        space = spaces.pinned(session)
        assert space is not None
        assert whole.id not in tracks.nodes(session, space).ids
    cluster_library(library)
    assert [person.name for person in rows(library, Person)] == ["Eileen", "Grace"]
    assert {face.person_id for face in rows(library, Face) if face.track_id == whole.id} == {whole.person_id}
    searching = replace(library, engine=lambda: plain)
    assert not {moment.face.face_id for moment in search_faces(searching, astronaut, top=100)[0].moments} & set(lost)

    back = migrate(library, bundled)
    assert back.sources == {"crop": len(faces) - len(lost), "kept": len(lost)}
    assert back.gone == ()
    assert len(rows(library, EmbeddingSpace)) == 1
    assert {face.id for face in rows(library, Face) if face.embedding == faces[face.id].embedding} == set(lost)


def test_a_third_pack_tries_again_what_the_second_could_not_measure(
    library: Context, plain: FaceEngine, models_cache: Path
) -> None:
    lost = remove_crops(library, lambda face: face.sample < 2)
    videos = {video.blob_key: library.blobs.read(video.blob_key) for video in rows(library, Video)}
    remove_videos(library)
    assert migrate(library, plain).sources["gone"] == len(lost)
    for key, data in videos.items():
        library.blobs.write(key, data)
    third = FaceEngine(replace(get_pack("bundled"), name="third", space="third"), models_cache)
    report = migrate(library, third)
    assert report.sources["frame"] == len(lost)
    assert {face.space_id for face in rows(library, Face)} == {rows(library, EmbeddingSpace)[0].id}


class Interrupted:
    """An engine that is killed at its nth piece."""

    def __init__(self, engine: FaceEngine, calls: int) -> None:
        self.pack, self.calls, self._engine = engine.pack, calls, engine

    def describe(self, *arguments: Any) -> Any:
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        return self._engine.describe(*arguments)

    def enlargement(self, *arguments: Any) -> float:
        return self._engine.enlargement(*arguments)


def test_a_run_goes_on_where_the_last_one_stopped(
    library: Context, plain: FaceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_module, "BATCH", 3)
    before = everything(library)
    with pytest.raises(KeyboardInterrupt):
        migrate(library, Interrupted(plain, 2))  # type: ignore[arg-type]
    staged = rows(library, StagedFace)
    assert len(staged) == 6
    after = everything(library)
    assert {name for name in before if before[name] != after[name]} == {"staged_face", "pack_migration"}
    assert preview(library, plain).measured == len(before["face"]) - 6
    report = migrate(library, plain)
    assert (report.measured, report.applied) == (report.faces - 6, True)
    assert distances(staged, rows(library, Face)[:6]).max() < 1e-6


def test_a_run_to_another_pack_begins_anew(
    library: Context, plain: FaceEngine, bundled: FaceEngine, monkeypatch: pytest.MonkeyPatch, models_cache: Path
) -> None:
    monkeypatch.setattr(stage_module, "BATCH", 3)
    with pytest.raises(KeyboardInterrupt):
        migrate(library, Interrupted(plain, 1))  # type: ignore[arg-type]
    other = FaceEngine(replace(PLAIN, space="another"), models_cache)
    report = migrate(library, other)
    assert report.measured == report.faces
    with pytest.raises(KeyboardInterrupt):
        migrate(library, Interrupted(plain, 1))  # type: ignore[arg-type]
    assert give_up(library) == 3
    assert rows(library, StagedFace) == rows(library, PackMigration) == []


def test_who_does_not_agree_loses_nothing(library: Context, plain: FaceEngine) -> None:
    before = everything(library)
    asked: list[MigrationReport] = []

    def decline(report: MigrationReport) -> bool:
        asked.append(report)
        return False

    report = migrate(library, plain, confirm=decline)
    assert asked == [report]
    assert not report.applied
    assert (report.after.people, report.faces) == (2, len(before["face"]))
    after = everything(library)
    assert {name for name in before if before[name] != after[name]} == {"staged_face", "pack_migration"}
    assert migrate(library, plain).measured == 0


def test_a_change_that_fails_at_its_end_changes_nothing(
    any_library: Context, plain: FaceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(any_library)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(run_module, "apply_decision", lambda *_: 1 // 0)
        migrate(any_library, plain)
    after = everything(any_library)
    assert {name for name in before if before[name] != after[name]} == {"staged_face", "pack_migration"}
    assert len(search_faces(any_library, np.zeros((64, 64, 3), np.uint8))) == 0
    assert migrate(any_library, plain).applied


def test_what_is_added_while_it_runs_is_measured_too(
    any_library: Context, plain: FaceEngine, grace_hopper: Image, tmp_path: Path
) -> None:
    from tests.films import make_film

    film = make_film(tmp_path / "later.mp4", [grace_hopper], seconds_each=3)

    def add_a_video(_: MigrationReport) -> bool:
        submission = submit_file(any_library, film)
        assert run_job(any_library, submission.job_id) == Outcome.SUCCEEDED
        return True

    before = len(rows(any_library, Face))
    report = migrate(any_library, plain, confirm=add_a_video)
    faces = rows(any_library, Face)
    assert report.faces == len(faces) > before
    assert len({face.space_id for face in faces}) == 1
    assert len(rows(any_library, Person)) == 2
    assert {face.person_id for face in faces if face.video_id == 2 and not face.quality_reasons} == {2}


def test_what_is_deleted_while_it_runs_does_no_harm(library: Context, plain: FaceEngine) -> None:
    def delete_it(_: MigrationReport) -> bool:
        delete_video(library, rows(library, Video)[0].id)
        return True

    report = migrate(library, plain, confirm=delete_it)
    assert (report.applied, report.faces) == (True, 0)
    assert pin(library)[0] == PLAIN.space
    assert [person.name for person in rows(library, Person)] == ["Eileen", "Grace"]


@pytest.mark.parametrize("moment", ["before", "at the end"])
def test_videos_that_are_being_processed_come_first(library: Context, plain: FaceEngine, moment: str) -> None:
    def work(owner: str) -> str:
        with library.database.write() as session:
            lease = {"lease_owner": owner, "lease_token": "1", "lease_expires_at": utc_now() + timedelta(minutes=1)}
            job = Job(id=owner[-20:], kind=JobKind.PROCESS_VIDEO, state=JobState.RUNNING, params={}, **lease)
            session.add(job)
            return job.id

    if moment == "before":
        work(current_owner())
    before = everything(library)
    with pytest.raises(ConflictError, match="being processed") as caught:
        migrate(library, plain, confirm=lambda _: bool(work(current_owner())))
    assert "Wait" in caught.value.message
    after = everything(library)
    assert {name for name in before if before[name] != after[name]} <= {"staged_face", "pack_migration", "job"}
    assert bool(after["staged_face"]) == (moment != "before")
    with library.database.write() as session:
        for job in session.scalars(select(Job).where(Job.state == JobState.RUNNING)):
            job.lease_owner = f"{current_owner().split(':')[0]}:999999999:1"  # a process that is gone
    assert migrate(library, plain).applied


def test_a_worker_with_the_old_pack_cannot_write_any_more(
    any_library: Context, plain: FaceEngine, bundled: FaceEngine, grace_hopper: Image, tmp_path: Path
) -> None:
    from tests.films import make_film

    migrate(any_library, plain)
    before = everything(any_library)
    submission = submit_file(any_library, make_film(tmp_path / "later.mp4", [grace_hopper], seconds_each=3))
    old = replace(any_library, engine=lambda: bundled)
    assert run_job(old, submission.job_id) == Outcome.FAILED
    assert "migrate-pack" in (get_job(any_library, submission.job_id).error or "")
    assert everything(any_library)["face"] == before["face"]


def test_tracks_that_were_linked_from_old_vectors_are_linked_again(
    library: Context, plain: FaceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = linking._follow, []

    def pack_changes_after_the_look(*arguments: Any, **options: Any) -> Any:
        found = list(real(*arguments, **options))
        calls.append(found)
        if len(calls) == 1:
            monkeypatch.setattr(run_module, "_refuse_while_busy", lambda *_: None)
            thread = threading.Thread(target=migrate, args=(library, plain))
            thread.start()
            thread.join(60)
        return found

    monkeypatch.setattr(linking, "_follow", pack_changes_after_the_look)
    with library.database.write() as session:
        job = jobs.add(session, JobKind.PROCESS_VIDEO, video_id=1, params={"interval": 1.0})
        job.next_sample = 8
    assert run_job(replace(library, engine=lambda: plain), job.id) == Outcome.SUCCEEDED
    assert len(calls) == 2
    faces = {face.id: face for face in rows(library, Face)}
    for track in rows(library, Track):
        if track.face_count == 1:
            assert track.embedding == faces[track.best_face_id].embedding
        assert vectors.decode(track.embedding) @ vectors.decode(faces[track.best_face_id].embedding) > 0.95
    assert pin(library)[0] == PLAIN.space


def test_on_postgres_the_change_waits_for_a_worker_that_is_storing_faces(
    postgres_url: str, tmp_path: Path, models_cache: Path, film: Path, plain: FaceEngine
) -> None:
    settings = {"models_folder": str(models_cache), "max_video_size_mb": 50, "database_url": postgres_url}
    library = build(make_context(tmp_path / "library", **settings), film)
    stored, done = threading.Event(), threading.Event()
    reports: list[MigrationReport] = []

    def change() -> None:
        reports.append(migrate(library, plain, confirm=lambda _: stored.wait(60)))
        done.set()

    thread = threading.Thread(target=change)
    thread.start()
    with library.database.write() as session:
        space = spaces.get_or_create(session, get_pack("bundled").space, "bundled", 128)
        old = session.scalars(select(Face)).first()
        assert old is not None
        columns = {column.name: getattr(old, column.name) for column in Face.__table__.columns}
        session.add(Face(**{**columns, "id": None, "sample": 500, "space_id": space.id, "track_id": None}))
        session.flush()
        stored.set()
        wait_until_blocked(library)
        assert not done.is_set()
    thread.join(60)
    assert reports[0].applied
    assert reports[0].sources["crop"] == len(rows(library, Face))
    last = next(face for face in rows(library, Face) if face.sample == 500)
    assert distances([old], [last])[0] > 1e-4, "its vector is the old pack's"
    library.database.dispose()


def wait_until_blocked(context: Context) -> None:
    query, pause = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"), threading.Event()
    for _ in range(1000):
        with context.database.session() as session:
            if session.scalar(query):
                return
        pause.wait(0.02)
    raise AssertionError("the change does not wait")


def test_only_one_at_a_time(library: Context, plain: FaceEngine) -> None:
    seen: list[type[Exception]] = []

    def try_another(_: MigrationReport) -> bool:
        def other() -> None:
            with pytest.raises(ConflictError, match="Another process"):
                migrate(library, plain)
            seen.append(ConflictError)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join(60)
        return True

    assert migrate(library, plain, confirm=try_another).applied
    assert seen == [ConflictError]


def test_a_pack_of_the_same_space_needs_no_measuring(library: Context, models_cache: Path) -> None:
    faces = rows(library, Face)
    other = FaceEngine(replace(get_pack("bundled"), name="other detector"), models_cache)
    report = migrate(library, other)
    assert (report.measured, report.sources) == (0, {"kept": len(faces)})
    assert pin(library)[1] == "other detector"
    assert [face.embedding for face in rows(library, Face)] == [face.embedding for face in faces]
    assert report.estimated_seconds == 0


def test_what_was_taken_for_no_face_stays_so(library: Context, plain: FaceEngine) -> None:
    with library.database.write() as session:
        track = session.scalars(select(Track).where(Track.usable)).first()
        assert track is not None
        chosen = set()
        for face in session.scalars(select(Face).where(Face.track_id == track.id)):
            face.quality_reasons = ["unlike_face"]
            chosen.add(face.id)
    migrate(library, plain)
    marked = {face.id for face in rows(library, Face) if "unlike_face" in face.quality_reasons}
    assert marked >= chosen
    assert not next(one for one in rows(library, Track) if one.id == track.id).usable


def test_one_face_that_cannot_be_aligned_does_not_stop_the_others(library: Context, plain: FaceEngine) -> None:
    with library.database.write() as session:
        face = session.scalars(select(Face)).first()
        assert face is not None
        face.landmarks = vectors.encode(np.full(10, 7.0))
    report = migrate(library, plain)
    assert [one.face_id for one in report.gone] == [face.id]


def test_mistakes_are_told_in_a_sentence(context: Context, library: Context, plain: FaceEngine) -> None:
    assert is_needed(library, PLAIN)
    assert not is_needed(library, get_pack("bundled"))
    with pytest.raises(ConfigError, match="no pack"):
        load_engine(library, "nonsense")
    with pytest.raises(ModelError, match="missing"):
        load_engine(library, "scrfd+sface")


def test_an_empty_library_needs_no_change(context: Context) -> None:
    with pytest.raises(ConflictError, match="FACE_PACK=bundled"):
        is_needed(context, PLAIN)


@pytest.mark.parametrize(
    "box",
    [(180, 62, 268, 172), (-20, -10, 90, 120), (60, 100, 480, 500), (470, 480, 530, 540)],
    ids=["inside", "over the corner", "larger than a crop", "over the far corner"],
)
def test_a_face_is_where_it_was_in_its_crop(box: tuple[int, int, int, int]) -> None:
    """A picture whose colours tell where one is: each landmark finds its own colour again."""
    frame = np.zeros((512, 512, 3), np.uint8)
    frame[..., 0], frame[..., 1] = np.arange(512)[None, :] // 2, np.arange(512)[:, None] // 2
    x1, y1, x2, y2 = box
    points = np.array([[x1 + f * (x2 - x1), y1 + g * (y2 - y1)] for f in (0.3, 0.5) for g in (0.4, 0.6)] * 2)[:5]
    detection = Detection(BoundingBox(*map(float, box)), points.astype(np.float32), 0.9)
    window = crop_window(detection.box, 512, 512)
    crop = decode_image(encode_jpeg(frame[window[1] : window[3], window[0] : window[2]], 95, CROP_SIDE))
    mapped = into_crop(detection, window, crop)
    for (x, y), (u, v) in zip(points, mapped.landmarks, strict=True):
        if 0 <= x < 512 and 0 <= y < 512:
            assert crop[min(round(v), len(crop) - 1), min(round(u), crop.shape[1] - 1), :2] * 2.0 == pytest.approx(
                [x, y], abs=6
            )
    scale = crop.shape[1] / (window[2] - window[0])
    assert mapped.box.width == pytest.approx(detection.box.width * scale, rel=0.01)


def test_progress_is_told() -> None:
    told: list[int] = []
    progress = Progress(total=3, tell=lambda one: told.append(one.done))
    progress.add(2)
    progress.add(1)
    assert told == [2, 3]
