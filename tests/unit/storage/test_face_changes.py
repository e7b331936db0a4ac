"""The log of changed faces, on both databases: what counts, who is told, and what an interrupted reader misses: nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.models import Face, Video
from app.storage import face_changes, findings
from app.storage.database import Database
from tests.unit.storage.rows import make_face, make_space, make_tracked_video, make_video, unit


def end(database: Database) -> face_changes.Place:
    with database.session() as session:
        return face_changes.place(session)


def told(database: Database, where: face_changes.Place, *, again: bool = False) -> set[int]:
    """Faces that changed since; with ``again`` also what is told once more because some transaction was open then.

    On Postgres that may be one of the server's own, such as that of a vacuum.
    """
    with database.session() as session:
        assert face_changes.is_known(session, where)
        changes = face_changes.since(session, where).items()
        return {face for number, face in changes if again or number > where.last_id}


@pytest.fixture
def faces(database: Database) -> list[int]:
    with database.write() as session:
        video, _ = make_tracked_video(session, [[(0, 0), (1, 0)], [(2, 0)]])
        return [face.id for face in session.query(Face).where(Face.video_id == video.id).order_by(Face.id)]


@pytest.mark.parametrize(
    ("change", "tells"),
    [
        pytest.param(lambda session: session.execute(update(Face).values(embedding=unit(99))), True, id="new vector"),
        pytest.param(lambda session: session.execute(update(Face).values(dismissed=True)), True, id="no face"),
        pytest.param(
            lambda session: session.execute(update(Face).values(sample=Face.sample + findings.HIDDEN)),
            True,
            id="hidden",
        ),
        pytest.param(lambda session: session.execute(delete(Face)), True, id="deleted"),
        pytest.param(lambda session: session.execute(delete(Video)), True, id="deleted with its video"),
        pytest.param(lambda session: session.execute(update(Face).values(quality=0.1)), False, id="something else"),
        pytest.param(lambda session: session.execute(update(Face).values(dismissed=False)), False, id="same value"),
    ],
)
def test_what_the_search_has_to_know_is_told(
    database: Database, faces: list[int], change: Callable[[Session], object], tells: bool
) -> None:
    where = end(database)
    with database.write() as session:
        change(session)
    assert told(database, where) == (set(faces) if tells else set())


def test_new_faces_are_told_once(database: Database, faces: list[int]) -> None:
    where = end(database)
    assert told(database, where) == set()
    with database.write() as session:
        new = make_face(make_video(session), make_space(session), 5)
        session.add(new)
    assert told(database, where) == {new.id}
    assert told(database, end(database)) == set()


def test_what_commits_late_is_not_missed(database: Database, faces: list[int]) -> None:
    """On Postgres a transaction may commit after one that took its numbers later."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer")
    with database.write() as early:
        early.execute(update(Face).where(Face.id == faces[0]).values(dismissed=True))
        with database.write() as late:
            late.execute(update(Face).where(Face.id == faces[1]).values(dismissed=True))
        where = end(database)
    assert told(database, where, again=True) >= {faces[0]}


def test_a_reader_that_is_too_far_back_is_told_so(database: Database, faces: list[int]) -> None:
    old = end(database)
    with database.write() as session:
        session.execute(delete(Face).where(Face.id == faces[0]))
        session.execute(delete(Face).where(Face.id == faces[1]))
    new = end(database)
    with database.write() as session:
        assert face_changes.prune(session, kept=1) > 0
        assert face_changes.prune(session, kept=1) == 0
    with database.session() as session:
        assert not face_changes.is_known(session, old)
        assert face_changes.is_known(session, new) or not database.is_sqlite


def test_a_log_that_begins_anew_is_another_one(database: Database, faces: list[int]) -> None:
    where = end(database)
    database.downgrade("0004")
    database.upgrade()
    with database.session() as session:
        assert not face_changes.is_known(session, where)
