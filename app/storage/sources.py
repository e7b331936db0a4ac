"""Where videos came from: the same bytes may have come from several places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.domain import VideoOrigin
from app.models import VideoSource, utc_now
from app.storage.rows import batches


def add(
    session: Session,
    video_id: int,
    origin: VideoOrigin,
    *,
    address: str | None = None,
    file_name: str | None = None,
    **details: Any,
) -> VideoSource:
    """Notes a place that a video came from. The same place again is noted once, with what is known of it now.

    Args:
        session: A writing session.
        video_id: The video.
        origin: In which way it came.
        address: As it was asked for: a URL, or a path on this machine.
        file_name: Name of the file there.
        details: More columns of :class:`app.models.VideoSource`, such as ``title`` or ``uploader``; ``None`` leaves
            what is known.
    """
    place = select(VideoSource).where(
        VideoSource.video_id == video_id,
        VideoSource.origin == origin,
        VideoSource.address.is_not_distinct_from(address),
        VideoSource.file_name.is_not_distinct_from(file_name),
    )
    source = session.scalar(place.limit(1))
    if source is None:
        source = VideoSource(video_id=video_id, origin=origin, address=address, file_name=file_name)
        session.add(source)
    else:
        source.created_at = utc_now()
    for name, value in details.items():
        if value is not None:
            setattr(source, name, value)
    session.flush()
    return source


def add_many(session: Session, origin: VideoOrigin, rows: Sequence[Mapping[str, Any]]) -> None:
    """Notes where new videos came from, many by one statement.

    Args:
        session: A writing session.
        origin: In which way they came.
        rows: Columns of :class:`app.models.VideoSource`, the same ones for each, ``video_id`` among them.
    """
    now = utc_now()
    for part in batches(rows, 1000):
        session.execute(insert(VideoSource), [{**row, "origin": origin, "created_at": now} for row in part])


def for_video(session: Session, video_id: int, limit: int | None = None) -> list[VideoSource]:
    """The places that a video came from, the first one first."""
    statement = select(VideoSource).where(VideoSource.video_id == video_id).order_by(VideoSource.id)
    return list(session.scalars(statement.limit(limit)))


class KnownFile(NamedTuple):
    """A file of this machine, as it was when it was added.

    Attributes:
        size: Bytes.
        modified_ns: When it was last changed, nanoseconds since 1970.
        video_id: The video, or the set of pictures, that it became.
    """

    size: int
    modified_ns: int
    video_id: int


def known_files(session: Session) -> dict[str, KnownFile]:
    """Files of this machine that were added, by their paths."""
    statement = select(
        VideoSource.address, VideoSource.size_bytes, VideoSource.modified_ns, VideoSource.video_id
    ).where(
        VideoSource.origin == VideoOrigin.FILE,
        VideoSource.address.is_not(None),
        VideoSource.modified_ns.is_not(None),
    )
    rows = session.execute(statement.order_by(VideoSource.created_at, VideoSource.id)).all()
    return {str(row[0]): KnownFile(int(row[1] or 0), int(row[2] or 0), int(row[3])) for row in rows}
