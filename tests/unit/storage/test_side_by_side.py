"""Who shares a frame, against looking at every pair of faces."""

from __future__ import annotations

import numpy as np

from app.models import Face, Track
from app.storage import people, tracks
from app.storage.database import Database
from app.storage.questions import Candidate
from app.storage.side_by_side import share_a_frame
from tests.unit.storage.rows import make_tracked_video


def test_exactly_those_who_share_a_frame(database: Database) -> None:
    random = np.random.default_rng(7)
    with database.write() as session:
        ids: list[int] = []
        for _ in range(3):
            places = [[(int(at) + step, who) for step in range(3)] for who, at in enumerate(random.integers(0, 60, 12))]
            ids += make_tracked_video(session, places)[1]
        someone = [people.add(session).id for _ in range(6)]
        owners = [int(random.choice([*someone, -1])) for _ in ids]
        tracks.assign_people(session, ids, owners)
        for face in session.query(Face).where(Face.ordinal == 3):
            face.dismissed = True

    def frames(which: list[int]) -> set[tuple[int, int]]:
        rows = session.query(Face).where(Face.track_id.in_(which), ~Face.dismissed)
        return {(face.video_id, face.sample) for face in rows}

    with database.session() as session:
        of = {who: [one for one, owner in zip(ids, owners, strict=True) if owner == who] for who in someone}
        free = session.query(Track).where(Track.person_id.is_(None)).all()
        pairs = [Candidate(a, b, None, None, None, 50.0, 1.0) for a in someone for b in someone if a < b]
        pairs += [Candidate(a, None, one.id, None, None, 50.0, 1.0) for a in someone for one in free]
        expected = {
            one.pair
            for one in pairs
            if frames(of[one.person_id]) & frames([one.track_id] if one.track_id else of[one.other_person_id])
        }
        assert share_a_frame(session, pairs) == expected
        assert 0 < len(expected) < len(pairs)
        assert share_a_frame(session, []) == set()
