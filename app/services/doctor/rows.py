"""Tracks, people and counters that do not fit the faces."""

from __future__ import annotations

from sqlalchemy import delete, exists, func, select, update

from app.models import Face, Person, Track, utc_now
from app.services.doctor.visit import Visit
from app.storage import faces as face_rows
from app.storage import people as people_rows
from app.storage.rows import run, serialize_findings


def mend_rows(visit: Visit) -> None:
    """Removes tracks and people without a face, and counts anew what was counted wrong."""
    busy = visit.busy_videos()
    with visit.changes() as session:
        serialize_findings(session)
        empty = ~exists().where(Face.track_id == Track.id)
        count = run(session, delete(Track).where(empty, Track.video_id.not_in(busy)))
        visit.report.add("empty_tracks", count, "track without a face", "removed")

        number = select(func.count(Face.id)).where(Face.track_id == Track.id).scalar_subquery()
        wrong = (Track.face_count != number, Track.video_id.not_in(busy))
        count = run(session, update(Track).where(*wrong).values(face_count=number))
        visit.report.add("wrong_counts", count, "track whose faces were counted wrong", "corrected")

        best = (
            select(Face.id).where(Face.track_id == Track.id).order_by(Face.quality.desc(), Face.id).limit(1)
        ).scalar_subquery()
        theirs = exists().where(Face.id == Track.best_face_id, Face.track_id == Track.id)
        lost = (~theirs, ~empty, Track.video_id.not_in(busy))
        count = run(session, update(Track).where(*lost).values(best_face_id=best))
        visit.report.add("lost_best_faces", count, "track whose best face was gone", "given another one")

        count = face_rows.follow_tracks(session)
        visit.report.add("wrong_people", count, "face without its track's person", "put there")

        count = people_rows.delete_empty(session)
        visit.report.add("empty_people", count, "person without a face and a name", "removed")
        covers = select(func.count(Person.id)).where(
            Person.cover_face_id.is_not(None), ~exists().where(Face.id == Person.cover_face_id)
        )
        count = session.scalar(covers) or 0
        people_rows.choose_covers(session)
        still = session.scalar(covers) or 0
        if still:  # named people without any face keep no cover
            gone = ~exists().where(Face.id == Person.cover_face_id)
            run(session, update(Person).where(gone).values(cover_face_id=None, updated_at=utc_now()))
        visit.report.add("lost_covers", count, "person whose picture was gone", "given another one")
