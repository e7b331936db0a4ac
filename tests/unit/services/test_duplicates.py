"""Footage that is in the library twice, found by its faces."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import InvalidInputError, NotFoundError
from app.factory import create_app
from app.models import Face, Track
from app.services.context import Context
from app.services.duplicates import find_duplicates
from app.storage import vectors
from tests.library import Library, make_context
from tests.unit.clustering.test_shared_shots import copied, talking
from tests.unit.services.search.conftest import face_like

TIMES = [1.0 * number for number in range(12)]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return make_context(tmp_path)


def show(library: Library, video: int, seed: int, *, shape: int, later: float = 0.0, copy: bool = False) -> None:
    """A track of a person who moves in a way of their own."""
    track = copied(talking(shape, step=1.0)) if copy else talking(shape, step=1.0)
    ids = library.track(video, None, [at + later for at in TIMES])
    with library.context.database.write() as session:
        for number, row in enumerate(ids):
            face = session.get_one(Face, row)
            face.embedding = vectors.encode(face_like(seed, 0.1 + 0.01 * copy, variant=number + 50 * shape))
            face.landmarks = vectors.encode(track.points[number])
        session.get_one(Track, face.track_id).embedding = vectors.encode(face_like(seed))


def test_the_same_footage_is_found_and_the_same_person_is_not(context: Context) -> None:
    library = Library(context)
    first, copy, other = (library.video(title, data=None) for title in ("first", "copy", "same person again"))
    show(library, first, 1, shape=1)
    show(library, first, 2, shape=2, later=100.0)
    show(library, copy, 1, shape=1, later=30.0, copy=True)
    show(library, other, 1, shape=3)
    (pair,) = find_duplicates(context)
    assert (pair.video.title, pair.other.title) == ("first", "copy")
    assert (pair.seconds, pair.share) == (11.0, 1.0)
    (shot,) = pair.shots
    assert (shot.start, shot.end, shot.other_start, shot.other_end) == (0.0, 11.0, 30.0, 41.0)
    assert shot.faces == 12
    assert pair.similarity > 90
    assert find_duplicates(context, video_id=copy) == [pair]
    assert find_duplicates(context, video_id=other) == []
    answer = create_app(context.settings, context).test_client().get("/api/duplicates")
    assert [video["title"] for video in answer.json["duplicates"][0]["videos"]] == ["first", "copy"]
    assert answer.json["duplicates"][0]["shots"][0]["start"] == [0.0, 30.0]


def test_mistakes_are_said(context: Context) -> None:
    assert find_duplicates(context) == []
    with pytest.raises(NotFoundError):
        find_duplicates(context, video_id=7)
    with pytest.raises(InvalidInputError):
        find_duplicates(context, limit=0)
