"""What was found in a video, as a whole: removed, or put in the place of what an earlier run found.

A video that is looked at again keeps what is known of it until the new run has ended. Until then the new faces are
*hidden*: their ``sample`` is moved below zero by a fixed distance, which keeps their order.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from app.models import Face, Job
from app.storage.rows import run, serialize_findings

HIDDEN = -(1 << 30)
"""Added to the sample of a hidden face."""

IS_SHOWN: ColumnElement[bool] = Face.sample >= 0


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


def forget_segments(session: Session, job_id: str) -> None:
    """Removes the segments of a job that is to begin anew."""
    run(session, delete(Job).where(Job.parent_id == job_id))


def _remove(session: Session, *which: ColumnElement[bool]) -> list[str]:
    serialize_findings(session)
    keys = list(session.scalars(select(Face.crop_key).where(*which)))
    run(session, delete(Face).where(*which))
    return keys
