"""Where a video came from, as people are shown it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain import VideoOrigin
from app.storage import sources as source_rows


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One place that a video came from.

    Attributes:
        origin: In which way it came.
        address: The link that was asked for; ``None`` for files, whose folders are nobody's business.
        file_name: Name of the file there, where it was a file.
        title: What the site calls it.
        uploader: Who published it.
        page_url: The page behind the link, after redirects.
        published_on: When it was published, as ``2026-11-22``.
        thumbnail_key: Key of the site's own picture of it.
        created_at: When it came from there, the last time.
    """

    origin: VideoOrigin
    address: str | None
    file_name: str | None
    title: str | None
    uploader: str | None
    page_url: str | None
    published_on: str | None
    thumbnail_key: str | None
    created_at: datetime


def sources_of_video(session: Session, video_id: int) -> list[SourceRow]:
    """The places that a video came from, the first one first."""
    return [
        SourceRow(
            origin=source.origin,
            address=source.address if source.origin is VideoOrigin.URL else None,
            file_name=source.file_name,
            title=source.title,
            uploader=source.uploader,
            page_url=source.page_url,
            published_on=source.published_on,
            thumbnail_key=source.thumbnail_key,
            created_at=source.created_at,
        )
        for source in source_rows.for_video(session, video_id)
    ]
