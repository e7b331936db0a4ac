"""Videos: look up, file, delete. Lists for pages are in ``app.storage.views``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from app.domain import VideoOrigin
from app.models import Face, Job, Track, Video
from app.storage.rows import batches, own_video, run, serialize_findings


def get(session: Session, video_id: int) -> Video | None:
    """The video, fresh from the database, or ``None``."""
    return session.get(Video, video_id, populate_existing=True)


def by_sha256(session: Session, sha256: str) -> Video | None:
    """The video with these very bytes, or ``None``.

    Args:
        session: A session.
        sha256: 64 hexadecimal digits in lower case.
    """
    return session.scalar(select(Video).where(Video.sha256 == sha256))


def delete_findings(session: Session, video_id: int) -> None:
    """Deletes all faces and tracks of a video; the video and its jobs stay."""
    serialize_findings(session)
    run(session, delete(Face).where(Face.video_id == video_id))
    run(session, delete(Track).where(Track.video_id == video_id))


def remove(session: Session, video_id: int) -> bool:
    """Deletes a video with its faces, tracks and jobs.

    People left without a face stay until :func:`app.storage.people.delete_empty`; files are the caller's.

    Returns:
        False when there was no such video.
    """
    # All before the video itself, in bulk: a cascade goes row by row through three foreign keys.
    own_video(session, video_id)
    jobs = select(Job.id).where(Job.video_id == video_id).order_by(Job.created_at, Job.id)
    session.execute(jobs.with_for_update())  # in the order in which others lock several jobs
    run(session, delete(Job).where(Job.video_id == video_id))
    delete_findings(session, video_id)
    return run(session, delete(Video).where(Video.id == video_id)) == 1


def last_processed(session: Session) -> datetime | None:
    """When the work on a video last came to its end, or ``None``."""
    return session.scalar(select(func.max(Video.processed_at)))


def add_links(session: Session, links: Sequence[tuple[str, str, str]]) -> list[int]:
    """Adds videos that are still to be downloaded, many by one statement.

    Args:
        session: A writing session.
        links: File name, title and address of each.

    Returns:
        Their ids, in order.
    """
    ids: list[int] = []
    for part in batches(links, 1000):
        rows = [
            {"file_name": name, "title": title, "origin": VideoOrigin.URL, "source_url": address}
            for name, title, address in part
        ]
        ids += session.scalars(insert(Video).returning(Video.id, sort_by_parameter_order=True), rows)
    return ids
