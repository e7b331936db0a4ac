"""Questions about videos and the library as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import MediaKind, Sampling, VideoOrigin
from app.models import Face, Job, Person, Track, Video
from app.storage.findings import IS_SHOWN
from app.storage.views.jobs import ACTIVE, latest_jobs
from app.storage.views.people import IS_LISTED
from app.storage.views.shapes import Page, Totals, VideoRow

COVERS_PER_CARD = 3


def totals(session: Session) -> Totals:
    """What the library holds, in one statement."""
    row = session.execute(
        select(
            select(func.count(Video.id)).scalar_subquery(),
            select(func.coalesce(func.sum(Video.duration), 0.0)).scalar_subquery(),
            select(func.coalesce(func.sum(Video.size_bytes), 0)).scalar_subquery(),
            select(func.count(Face.id)).scalar_subquery(),
            select(func.count(Person.id)).where(IS_LISTED).scalar_subquery(),
            select(func.count(Person.name)).where(IS_LISTED).scalar_subquery(),
            select(func.count(Job.id)).where(Job.state.in_(ACTIVE)).scalar_subquery(),
        )
    ).one()
    videos, seconds, size, faces, people, named, active = row
    return Totals(videos, float(seconds), int(size), faces, people, named, active)


def list_videos(session: Session, page: Page) -> list[VideoRow]:
    """One page of videos, newest first, with counts, covers and latest job: five statements."""
    statement = select(Video).order_by(Video.created_at.desc(), Video.id.desc()).limit(page.size).offset(page.offset)
    return _with_details(session, [_row(found) for found in session.scalars(statement)])


def count_videos(session: Session) -> int:
    """How many videos there are."""
    return session.scalar(select(func.count(Video.id))) or 0


def video(session: Session, video_id: int) -> VideoRow | None:
    """One video, or ``None``."""
    found = session.get(Video, video_id)
    return None if found is None else _with_details(session, [_row(found)])[0]


def videos_by_id(session: Session, ids: Sequence[int]) -> dict[int, VideoRow]:
    """The videos with these ids that exist, without counts."""
    return {found.id: _row(found) for found in session.scalars(select(Video).where(Video.id.in_(ids)))}


def _with_details(session: Session, rows: list[VideoRow]) -> list[VideoRow]:
    ids = [row.id for row in rows]
    if not ids:
        return []
    counting = (
        select(Face.video_id, func.count(Face.id))
        .where(Face.video_id.in_(ids), IS_SHOWN, ~Face.dismissed)
        .group_by(Face.video_id)
    )
    faces: dict[int, int] = {row[0]: row[1] for row in session.execute(counting)}
    people = _covers(session, ids)
    jobs = latest_jobs(session, ids)
    return [
        replace(
            row,
            face_count=faces.get(row.id, 0),
            people_count=len(people[row.id]),
            covers=tuple(key for key in people[row.id] if key)[:COVERS_PER_CARD],
            job=jobs.get(row.id),
        )
        for row in rows
    ]


def _covers(session: Session, ids: Sequence[int]) -> dict[int, list[str | None]]:
    """Cover keys of the people of each video, most seen first."""
    statement = (
        select(Track.video_id, Track.person_id, Face.crop_key)
        .join(Person, Person.id == Track.person_id)
        .outerjoin(Face, Face.id == Person.cover_face_id)
        .where(Track.video_id.in_(ids), IS_LISTED)
        .group_by(Track.video_id, Track.person_id, Face.crop_key)
        .order_by(Track.video_id, func.sum(Track.face_count).desc(), Track.person_id)
    )
    found: dict[int, list[str | None]] = defaultdict(list)
    for video_id, _, key in session.execute(statement).all():
        found[video_id].append(key)
    return found


def _row(found: Video) -> VideoRow:
    return VideoRow(
        id=found.id,
        title=found.title,
        file_name=found.file_name,
        origin=VideoOrigin(found.origin),
        source_url=found.source_url,
        media_kind=MediaKind(found.media_kind),
        blob_key=found.blob_key,
        in_place=found.local_path is not None,
        thumbnail_key=found.thumbnail_key,
        size_bytes=found.size_bytes,
        duration=found.duration,
        width=found.width,
        height=found.height,
        frame_rate=found.frame_rate,
        codec=found.codec,
        interval=found.interval,
        sampling=Sampling(found.sampling) if found.sampling else None,
        frames_sampled=found.frames_sampled,
        warning=found.warning,
        sha256=found.sha256,
        created_at=found.created_at,
        processed_at=found.processed_at,
    )
