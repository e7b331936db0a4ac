"""Cancelled jobs, many at once: which of them have found something, and which brought nothing but a wish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.domain import JobKind
from app.models import Face, Job, Video
from app.storage.rows import batches, run

AT_ONCE = 1000


def with_findings(session: Session, job_ids: Sequence[str], *, or_video: bool) -> list[str]:
    """Those of the jobs that have begun to look, or with ``or_video`` that have a video at all."""
    matters = or_(Job.faces_found > 0, Job.next_sample > 0, Job.step.in_(("looking", "linking")))
    if or_video:
        matters = or_(matters, Job.video_id.is_not(None))
    found: list[str] = []
    for part in batches(job_ids, AT_ONCE):
        found += session.scalars(select(Job.id).where(Job.id.in_(part), matters))
    return found


def remove_unfetched(session: Session, job_ids: Sequence[str]) -> int:
    """Removes the videos of jobs that were to download them and never did; the jobs stay, without a video.

    Thousands of them at once, which one by one would take minutes. There are no files to be removed.

    Returns:
        How many videos were removed.
    """
    removed = 0
    for part in batches(job_ids, AT_ONCE):
        videos = list(session.scalars(_unfetched(part)))
        for some in batches(videos, AT_ONCE):
            left: dict[str, Any] = {"video_id": None, "note": "Removed before it was downloaded."}
            run(session, update(Job).where(Job.video_id.in_(some)).values(**left))
            removed += run(session, delete(Video).where(Video.id.in_(some)))
    return removed


def _unfetched(job_ids: Sequence[str]) -> Select[int]:
    other = aliased(Job)
    nothing = (
        Video.sha256.is_(None),
        Video.blob_key.is_(None),
        Video.local_path.is_(None),
        ~exists().where(Face.video_id == Video.id),
        ~exists().where(other.video_id == Video.id, other.id.not_in(job_ids)),
    )
    wishes = select(Job.video_id).where(Job.id.in_(job_ids), Job.kind == JobKind.FETCH_VIDEO)
    return select(Video.id).where(Video.id.in_(wishes), *nothing)
