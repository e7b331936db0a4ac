"""Which faces a search may find, by day, video and person."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from sqlalchemy import update

from app.models import Face, Picture, Track, VideoSource
from app.storage import face_vectors, lookup, people, spaces, vectors
from app.storage.database import Database
from app.storage.lookup import Limits
from tests.unit.storage.rows import make_face, make_space, make_tracked_video, make_video


@pytest.fixture
def days(database: Database) -> dict[str, int]:
    """A face for each way in which a day is known, by that way."""
    with database.write() as session:
        space = make_space(session)
        added, published, album = (
            make_video(session, created_at=datetime(2026, 5, 1, 23, 30, tzinfo=UTC)) for _ in range(3)
        )
        session.add(VideoSource(video_id=published.id, origin=published.origin, published_on="2020-02-29"))
        session.add_all(
            [
                Picture(video_id=album.id, number=0, file_name="a.jpg", taken_at="2010-07-04T12:00:00"),
                Picture(video_id=album.id, number=1, file_name="b.jpg"),
            ]
        )
        faces = {
            "added": make_face(added, space, 0),
            "published": make_face(published, space, 0),
            "taken": make_face(album, space, 0),
            "in an album": make_face(album, space, 1),
        }
        session.add_all(faces.values())
        session.flush()
        return {name: face.id for name, face in faces.items()}


@pytest.mark.parametrize(
    ("after", "before", "names"),
    [
        (None, date(2015, 1, 1), {"taken"}),
        (date(2020, 2, 29), date(2020, 2, 29), {"published"}),
        (date(2026, 5, 1), None, {"added", "in an album"}),
        (date(2000, 1, 1), None, {"added", "published", "taken", "in an album"}),
        (date(2026, 5, 2), None, set()),
    ],
)
def test_days(
    database: Database, days: dict[str, int], after: date | None, before: date | None, names: set[str]
) -> None:
    with database.session() as session:
        space = spaces.pinned(session)
        assert space is not None
        found = lookup.faces_within(session, space, Limits(after=after, before=before))
    assert found.tolist() == sorted(days[name] for name in names)


def test_dismissed_and_hidden_faces_are_nowhere(database: Database) -> None:
    with database.write() as session:
        video, _ = make_tracked_video(session, [[(0, 0), (1, 0), (2, 0)]])
        ids = [face.id for face in session.query(Face).order_by(Face.id)]
        ada = people.add(session, "Ada")
        session.execute(update(Face).values(person_id=ada.id))
        session.execute(update(Face).where(Face.id == ids[0]).values(dismissed=True))
        session.execute(update(Face).where(Face.id == ids[1]).values(sample=-5))
    with database.session() as session:
        space = spaces.pinned(session)
        assert space is not None
        for limits in (Limits(videos=(video.id,)), Limits(people=(ada.id,))):
            assert lookup.faces_within(session, space, limits).tolist() == [ids[2]]
        assert list(lookup.describe_faces(session, ids)) == list(lookup.owners(session, ids)) == [ids[2]]
        assert face_vectors.count(session, space) == 1
        (block,) = face_vectors.blocks(session, space)
        assert block.ids.tolist() == face_vectors.of_faces(session, space, ids).ids.tolist() == [ids[2]]
        assert lookup.missing(session, Limits(videos=(video.id, 99), people=(98,))) == {"video": [99], "person": [98]}


def test_a_person_looks_like_the_mean_of_their_usable_tracks(database: Database) -> None:
    with database.write() as session:
        _, tracks = make_tracked_video(session, [[(0, 0)], [(1, 0), (2, 0)], [(3, 0)]])
        ada = people.add(session, "Ada")
        rows = [session.get_one(Track, number) for number in tracks]
        for row in rows:
            row.person_id = ada.id
        rows[2].usable = False
        wanted = vectors.decode(rows[0].embedding) + 2 * vectors.decode(rows[1].embedding)
    with database.session() as session:
        space = spaces.pinned(session)
        assert space is not None
        found = lookup.person_vector(session, space, ada.id)
        assert found is not None
        assert found == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)
        assert lookup.person_vector(session, space, ada.id + 1) is None
