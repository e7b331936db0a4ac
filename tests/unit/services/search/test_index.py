"""The index is right after every change, whoever made it: a face that is gone is never found, a new one always."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import delete, select, update

from app.models import EmbeddingSpace, Face, StagedFace, Video
from app.services.context import Context, build_context
from app.services.erase import delete_video
from app.services.search import index, search_index, tidy_search
from app.services.search.matching import index_folder
from app.storage import findings, migration, vectors
from app.storage import spaces as space_rows
from app.storage.search_files import SearchFiles
from app.vision import BUNDLED
from tests.unit.services.search.conftest import Faces, face_like, found

LOOK = face_like(1)


def other_process(context: Context) -> Context:
    """Another process at the same library: it shares nothing with this one but the database and the files."""
    return build_context(context.settings)


@pytest.fixture(params=["in memory", "in files", "in files with codes"])
def small_limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the index is kept; limits that a test can reach."""
    if request.param != "in memory":
        monkeypatch.setattr(index, "FILED_ROWS", 3)
    if request.param == "in files with codes":
        monkeypatch.setattr(index, "CODED_ROWS", 3)
        monkeypatch.setattr("app.clustering.search_index.nearest.FEW_ROWS", 0)
    return str(request.param)


Change = Callable[[Faces, int], object]


def dismiss(library: Faces, face: int) -> None:
    with library.context.database.write() as session:
        session.execute(update(Face).where(Face.id == face).values(dismissed=True))


def look_again_begins(library: Faces, face: int) -> None:
    with library.context.database.write() as session:
        session.execute(update(Face).where(Face.id == face).values(sample=Face.sample + findings.HIDDEN))


def look_again_ends(library: Faces, face: int) -> None:
    """What a new run found takes the place of what was there."""
    video = library.video_of(face)
    new = library.add(face_like(50), video=video)[0]
    look_again_begins(library, new)
    assert new not in found(library.context, face_like(50))
    with library.context.database.write() as session:
        findings.show_hidden(session, video)
    assert found(library.context, face_like(50))[0] == new


def another_vector(library: Faces, face: int) -> None:
    with library.context.database.write() as session:
        session.execute(update(Face).where(Face.id == face).values(embedding=vectors.encode(-LOOK)))


def row_deleted(library: Faces, face: int) -> None:
    with library.context.database.write() as session:
        session.execute(delete(Face).where(Face.id == face))


def video_deleted(library: Faces, face: int) -> None:
    delete_video(library.context, library.video_of(face))


def video_row_deleted(library: Faces, face: int) -> None:
    """The database removes the faces itself, by its cascade."""
    with library.context.database.write() as session:
        session.execute(delete(Video).where(Video.id == library.video_of(face)))


CHANGES: tuple[Change, ...] = (
    dismiss,
    look_again_begins,
    look_again_ends,
    another_vector,
    row_deleted,
    video_deleted,
    video_row_deleted,
)


def test_a_face_that_is_gone_is_never_found(any_library: Faces, small_limits: str) -> None:
    context = any_library.context
    for seed in range(2, 8):
        any_library.add(face_like(seed))
    elsewhere = other_process(context)
    for change in CHANGES:
        face, twin = any_library.add(LOOK)[0], any_library.add(face_like(1, 0.1))[0]
        if change is not video_deleted:
            tidy_search(context)
        for process in (context, elsewhere):
            assert found(process, LOOK, top=2) == [face, twin], change
        change(any_library, face)
        for process in (context, elsewhere, other_process(context)):
            assert found(process, LOOK, top=1) == [twin], change
            assert face not in found(process, LOOK, min_similarity=1.0), change
        tidy_search(elsewhere)
        for process in (context, elsewhere):
            assert found(process, LOOK, top=1) == [twin], change
        row_deleted(any_library, twin)


def test_a_new_face_is_found_at_once_by_everybody(any_library: Faces, small_limits: str) -> None:
    context = any_library.context
    elsewhere = other_process(context)
    assert found(context, LOOK) == found(elsewhere, LOOK) == []
    for number in range(8):
        new = any_library.add(face_like(100 + number))[0]
        assert found(elsewhere, face_like(100 + number))[0] == new
        assert found(context, face_like(100 + number))[0] == new
        if number == 4:
            tidy_search(elsewhere)


def test_a_dismissed_face_that_comes_back_is_found_again(any_library: Faces) -> None:
    face = any_library.add(LOOK)[0]
    dismiss(any_library, face)
    assert found(any_library.context, LOOK) == []
    with any_library.context.database.write() as session:
        session.execute(update(Face).values(dismissed=False))
    assert found(any_library.context, LOOK) == [face]


def test_after_a_change_of_pack_the_new_vectors_count(any_library: Faces, small_limits: str) -> None:
    """There and back again, between two searches: nothing of the file may be believed because of a name."""
    context = any_library.context
    face, lost = any_library.add(LOOK)[0], any_library.add(face_like(2))[0]
    for seed in range(3, 7):
        any_library.add(face_like(seed))
    tidy_search(context)
    assert found(context, LOOK)[0] == face
    for name, look in (("other-space", face_like(60)), (BUNDLED.space, face_like(61))):
        with context.database.write() as session:
            rows = session.scalars(select(Face.id)).all()
            staged = [row for row in rows if row != lost]
            migration.begin(session, BUNDLED.name, name, BUNDLED.dimension)
            measured = {row: face_like(1000 + row) for row in staged} | {face: look}
            new = [
                StagedFace(
                    face_id=row, source="crop", embedding=vectors.encode(vector), quality=0.5, quality_reasons=[]
                )
                for row, vector in measured.items()
            ]
            migration.stage(session, new)
            present = space_rows.hold(session, alone=True)
            assert present is not None
            migration.swap(session, present, BUNDLED.name, name, BUNDLED.dimension, [])
    for process in (context, other_process(context)):
        assert found(process, face_like(61))[0] == face
        assert len(found(process, LOOK)) == 5 if name == "other-space" else face in found(process, face_like(61))


def test_files_are_written_anew_when_much_has_changed(library: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "FILED_ROWS", 2)
    monkeypatch.setattr(index, "_is_full", lambda snapshot: len(snapshot.extra) > 2)
    files = SearchFiles(index_folder(library.context.settings))
    for seed in range(3):
        library.add(face_like(seed))
    assert found(library.context, LOOK)
    first = files.current()
    for seed in range(3, 7):
        library.add(face_like(seed))
    assert found(library.context, LOOK)
    second = files.current()
    assert first is not None
    assert second is not None
    assert (len(first.ids), len(second.ids), first.folder.exists()) == (3, 7, False)


def test_nothing_of_a_deleted_face_stays_in_the_files(library: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "FILED_ROWS", 2)
    face = library.add(LOOK)[0]
    for seed in range(2, 6):
        library.add(face_like(seed))
    assert found(library.context, LOOK)
    delete_video(library.context, library.video_of(face))
    tidy_search(library.context)
    folder = index_folder(library.context.settings)
    assert list(folder.rglob("*.f32"))
    assert not [path for path in folder.rglob("*") if path.is_file() and vectors.encode(LOOK) in path.read_bytes()]


@pytest.mark.parametrize("harm", ["cut off", "no state", "nonsense", "no folder"])
def test_damaged_files_are_made_again(library: Faces, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    monkeypatch.setattr(index, "FILED_ROWS", 2)
    face = library.add(LOOK)[0]
    for seed in range(2, 6):
        library.add(face_like(seed))
    assert found(library.context, LOOK)[0] == face
    folder = SearchFiles(index_folder(library.context.settings)).current()
    assert folder is not None
    state = folder.folder / "state.json"
    if harm == "cut off":
        (folder.folder / "vectors.f32").write_bytes(b"\0" * 100)
    elif harm == "no folder":
        for path in folder.folder.iterdir():
            path.unlink()
    else:
        state.write_text("[]" if harm == "nonsense" else "")
    assert found(other_process(library.context), LOOK)[0] == face


def test_a_library_that_was_put_back_is_read_anew(library: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older copy of the database, with the newer files beside it, and then as many changes as there had been."""
    monkeypatch.setattr(index, "FILED_ROWS", 2)
    database = library.context.settings.faaaaaces_data / "data" / "faaaaaces.db"
    for seed in range(2, 6):
        library.add(face_like(seed))
    library.context.database.dispose()
    kept = database.read_bytes()
    gone = library.add(LOOK)[0]
    assert found(library.context, LOOK)[0] == gone
    library.context.database.dispose()
    for path in database.parent.glob("faaaaaces.db*"):
        path.unlink()
    database.write_bytes(kept)
    restored = Faces.__new__(Faces)
    restored.__dict__.update(library.__dict__, context=other_process(library.context))
    new = restored.add(face_like(9))[0]
    assert new == gone
    assert found(restored.context, face_like(9))[0] == new
    assert found(restored.context, LOOK, min_similarity=50.0) == []


def test_an_empty_library_finds_nothing(library: Faces) -> None:
    with library.context.database.write() as session:
        session.execute(delete(EmbeddingSpace))
    context = library.context
    assert search_index(context).current(context.database, index_folder(context.settings)) is None
    assert found(context, LOOK) == []


def test_any_order_of_changes_ends_where_a_plain_look_ends(library: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred changes and searches by two processes, against comparing with all rows of the database."""
    monkeypatch.setattr(index, "FILED_ROWS", 12)
    monkeypatch.setattr(index, "_is_full", lambda snapshot: max(len(snapshot.extra), snapshot.dead) > 6)
    chance = random.Random(5)
    processes = [library.context, other_process(library.context)]
    alive: list[int] = []
    for step in range(70):
        writer = replace(library.context, database=chance.choice(processes).database)
        library.context = writer
        action = chance.random()
        if action < 0.5 or not alive:
            alive += library.add(*(face_like(step, 0.3, number) for number in range(chance.randint(1, 4))))
        elif action < 0.7:
            dismiss(library, alive.pop(chance.randrange(len(alive))))
        elif action < 0.8:
            row_deleted(library, alive.pop(chance.randrange(len(alive))))
        elif action < 0.85:
            tidy_search(chance.choice(processes))
        if chance.random() < 0.4:
            query = face_like(chance.randrange(step + 1), 0.3, 99)
            assert found(chance.choice(processes), query, top=5) == plain(library.context, query, 5)


def plain(context: Context, query: np.ndarray, top: int) -> list[int]:
    with context.database.session() as session:
        rows = session.execute(select(Face.id, Face.embedding).where(Face.sample >= 0, Face.dismissed.is_(False))).all()
    similarity = {row.id: float(vectors.decode(row.embedding) @ query) for row in rows}
    return sorted(similarity, key=lambda number: (-similarity[number], number))[:top]


def test_several_threads_search_while_faces_come(library: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "FILED_ROWS", 5)
    library.add(LOOK)
    wrong: list[int] = []

    def look() -> None:
        for _ in range(15):
            if len(found(library.context, LOOK, top=100)) < len(known):
                wrong.append(1)

    known = list(library.add(face_like(2)))
    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for seed in range(3, 10):
        library.add(face_like(seed))
        tidy_search(library.context)
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(found(library.context, LOOK, top=100)) == 9
