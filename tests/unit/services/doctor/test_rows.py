from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete, update

from app.models import Face, Person, Track
from app.services.context import Context
from app.services.doctor import examine
from app.services.doctor.report import counted
from tests.library import Library, make_context
from tests.unit.services.doctor.conftest import Examine, codes, rows_of


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (update(Track).where(Track.id == 1).values(face_count=99), "wrong_counts"),
        (update(Track).where(Track.id == 1).values(best_face_id=999), "lost_best_faces"),
        (update(Face).where(Face.id == 1).values(person_id=None), "wrong_people"),
        (update(Person).where(Person.id == 1).values(cover_face_id=999), "lost_covers"),
    ],
)
def test_what_does_not_fit_the_faces(library: Context, look: Examine, statement: object, code: str) -> None:
    before = rows_of(library)
    with library.database.write() as session:
        session.execute(statement)
    assert codes(look()) == [code]
    assert look().findings == []
    after = rows_of(library)
    assert [after[name] for name in ("face", "track")] == [before[name] for name in ("face", "track")]


def test_tracks_and_people_without_faces(library: Context, look: Examine) -> None:
    with library.database.write() as session:
        session.add(Person())
        session.add(Person(name="Ada"))
        session.execute(delete(Face))
    found = codes(look())
    assert found[-3:] == ["empty_tracks", "empty_people", "lost_covers"] or found[-2:] == [
        "empty_tracks",
        "empty_people",
    ]
    assert [row[1] for row in rows_of(library)["person"]] == ["Ada"]
    assert look().findings == []


@pytest.mark.parametrize(
    ("count", "what", "words"),
    [
        (1, "file", "1 file"),
        (2, "picture of a face", "2 pictures of a face"),
        (2, "video file", "2 video files"),
        (3, "person without a face", "3 people without a face"),
    ],
)
def test_words(count: int, what: str, words: str) -> None:
    assert counted(count, what) == words


def test_on_postgres(tmp_path: Path, postgres_url: str) -> None:
    library = Library(make_context(tmp_path, database_url=postgres_url))
    video = library.video()
    for person, times in (("Ada", [1.0, 2.0]), (None, [3.0])):
        library.track(video, library.person(person), times)
    library.job(None)
    library.person()
    with library.context.database.write() as session:
        session.execute(update(Track).where(Track.face_count == 2).values(face_count=9, best_face_id=None))
        session.execute(update(Face).values(person_id=None))
        session.execute(update(Person).values(cover_face_id=999))
        session.execute(delete(Face).where(Face.timestamp == 3.0))
    found = ["jobs_without_video", "empty_tracks", "wrong_counts", "lost_best_faces", "wrong_people"]
    found += ["empty_people", "lost_covers"]
    foreseen = examine(library.context, dry_run=True)
    assert codes(foreseen) == codes(examine(library.context)) == found
    assert codes(examine(library.context)) == []
    library.context.database.dispose()
