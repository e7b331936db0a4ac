from __future__ import annotations

from collections.abc import Callable

import pytest

from app.errors import InvalidInputError, NotFoundError
from app.models import Face, Track
from app.services.context import Context
from app.services.library import cursors
from app.services.library.timeline import Interval
from app.services.relations import appearances, faces
from app.storage.views.relations import FaceFilter, FaceOrder, PersonFace, Where
from tests.alike import Crowd
from tests.library import ago


@pytest.fixture
def ada(crowd: Crowd) -> int:
    """Ada in three videos: two tracks in the first, of which one is confirmed, one in each of the others."""
    library = crowd.library
    ada, eve = library.person("Ada"), library.person()
    for number in range(3):
        video = library.video(f"v{number}", duration=60.0, interval=1.0, created_at=ago(days=10 - number))
        library.track(video, eve, [1.0, 2.0])
        library.track(video, ada, [1.0, 2.0, 3.1], quality=0.3 + 0.1 * number)
    library.track(1, ada, [40.0], quality=0.9, usable=False)
    with library.context.database.write() as session:
        session.query(Track).where(Track.person_id == ada, Track.start == 40.0).one().confirmed = True
    return ada


def test_appearances_newest_first(context: Context, ada: int) -> None:
    found = appearances(context, ada)
    assert [one.video.title for one in found.videos] == ["v2", "v1", "v0"]
    assert found.next_cursor is None
    last = found.videos[-1]
    assert (last.sums.tracks, last.sums.faces, last.sums.confirmed) == (2, 4, 1)
    assert last.intervals == (Interval(1.0, 4.1), Interval(40.0, 41.0))
    assert last.seconds == pytest.approx(4.1)
    assert [(one.track.start, one.confirmed) for one in last.tracks] == [(1.0, False), (40.0, True)]


def test_appearances_piece_by_piece(context: Context, ada: int) -> None:
    first = appearances(context, ada, size=2)
    assert [one.video.title for one in first.videos] == ["v2", "v1"]
    rest = appearances(context, ada, size=2, cursor=first.next_cursor)
    assert ([one.video.title for one in rest.videos], rest.next_cursor) == (["v0"], None)


def test_appearances_somewhere(context: Context, ada: int) -> None:
    cases = {
        Where(video_id=2): ["v1"],
        Where(since=ago(days=9, hours=1)): ["v2", "v1"],
        Where(until=ago(days=9, hours=1)): ["v0"],
        Where(video_id=9): [],
    }
    found = {where: [one.video.title for one in appearances(context, ada, where=where).videos] for where in cases}
    assert found == cases


def test_faces_piece_by_piece_are_all_faces_once(context: Context, ada: int) -> None:
    orders: dict[FaceOrder, Callable[[PersonFace], object]] = {
        "time": lambda one: (one.face.video_id, one.face.timestamp),
        "track": lambda one: (one.face.track_id, one.sample),
        "quality": lambda one: (-one.face.quality, one.face.id),
    }
    for order, key in orders.items():
        whole = faces(context, ada, order=order)
        assert (len(whole.faces), whole.next_cursor) == (10, None)
        assert whole.faces == sorted(whole.faces, key=key)
        assert in_pieces(context, ada, order) == whole.faces


def in_pieces(context: Context, ada: int, order: FaceOrder) -> list[PersonFace]:
    piece = faces(context, ada, order=order, size=3)
    found = piece.faces
    while piece.next_cursor is not None:
        piece = faces(context, ada, order=order, size=3, cursor=piece.next_cursor)
        found += piece.faces
    return found


def test_some_faces(context: Context, ada: int) -> None:
    cases = {
        FaceFilter(where=Where(video_id=1)): 4,
        FaceFilter(where=Where(since=ago(days=8, hours=1))): 3,
        FaceFilter(confirmed=True): 1,
        FaceFilter(confirmed=False): 9,
        FaceFilter(usable=False): 1,
        FaceFilter(track_id=2): 3,
        FaceFilter(min_quality=0.45): 4,
    }
    assert {wanted: len(faces(context, ada, wanted=wanted).faces) for wanted in cases} == cases


def test_a_face_tells_what_is_known_of_it(context: Context, ada: int) -> None:
    (found,) = faces(context, ada, wanted=FaceFilter(confirmed=True)).faces
    assert (found.face.timestamp, found.face.quality, found.face.reasons) == (40.0, 0.9, ("blurred",))
    assert (found.confirmed, found.usable, found.face.person_id) == (True, False, ada)
    assert found.face.crop_key.endswith(".jpg")


def test_what_is_no_face_is_left_out(context: Context, ada: int) -> None:
    with context.database.write() as session:
        session.query(Face).where(Face.person_id == ada, Face.timestamp == 40.0).one().dismissed = True
    assert len(faces(context, ada).faces) == 9


def test_a_cursor_of_something_else(context: Context, ada: int) -> None:
    for cursor in ("nonsense", cursors.encode("faces-time", ("x", "y", "z")), cursors.encode("faces-track", ("1",))):
        for ask in (faces, appearances):
            with pytest.raises(InvalidInputError):
                ask(context, ada, cursor=cursor)


def test_nobody(context: Context) -> None:
    for ask in (lambda: faces(context, 5), lambda: appearances(context, 5)):
        with pytest.raises(NotFoundError):
            ask()
