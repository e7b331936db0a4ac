"""What was found in a video, as a whole: removed, or put in the place of what an earlier run found.

A video that is looked at again keeps what is known of it until the new run has ended. Until then the new faces are
*hidden*: their ``sample`` is moved below zero by a fixed distance, which keeps their order.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from app.models import Face, Job, Track
from app.storage.rows import run, serialize_findings

HIDDEN = -(1 << 30)
"""Added to the sample of a hidden face."""

IS_SHOWN: ColumnElement[bool] = Face.sample >= 0


@dataclass(frozen=True, slots=True)
class KnownTrack:
    """A track that belongs to somebody.

    Attributes:
        start: Seconds.
        end: Seconds.
        person_id: Whose it is.
        embedding: ``float32`` bytes.
    """

    start: float
    end: float
    person_id: int
    embedding: bytes


def remove_hidden(session: Session, video_id: int) -> list[str]:
    """Removes the hidden faces of a video; returns the keys of their crops, to be deleted after the commit."""
    return _remove(session, Face.video_id == video_id, ~IS_SHOWN)


def show_hidden(session: Session, video_id: int) -> list[str]:
    """Puts the hidden faces in the place of the others; the tracks are the caller's to replace.

    Returns:
        Keys of the crops of those that went.
    """
    keys = _remove(session, Face.video_id == video_id, IS_SHOWN)
    hidden = update(Face).where(Face.video_id == video_id, ~IS_SHOWN)
    run(session, hidden.values(sample=Face.sample - HIDDEN))
    return keys


def known_tracks(session: Session, video_id: int, space_id: int) -> list[KnownTrack]:
    """The tracks of a video that belong to somebody, in one space."""
    columns = (Track.start, Track.end, Track.person_id, Track.embedding)
    query = select(*columns).where(Track.video_id == video_id, Track.space_id == space_id)
    rows = session.execute(query).all()
    return [KnownTrack(start, end, who, vector) for start, end, who, vector in rows if who is not None]


def forget_segments(session: Session, job_id: str) -> None:
    """Removes the segments of a job that is to begin anew."""
    run(session, delete(Job).where(Job.parent_id == job_id))


def _remove(session: Session, *which: ColumnElement[bool]) -> list[str]:
    serialize_findings(session)
    keys = list(session.scalars(select(Face.crop_key).where(*which)))
    run(session, delete(Face).where(*which))
    return keys
