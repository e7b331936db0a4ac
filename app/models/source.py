"""Where a video came from; the same bytes may have come from several places."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain import VideoOrigin
from app.models.base import Base, EnumText, UtcDateTime, utc_now


class VideoSource(Base):
    """One place that a video came from."""

    __tablename__ = "video_source"

    id: Mapped[int] = mapped_column(primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("video.id", ondelete="CASCADE"), index=True)
    origin: Mapped[VideoOrigin] = mapped_column(EnumText(VideoOrigin, 20))
    address: Mapped[str | None] = mapped_column(Text)  # as it was asked for: a URL, or a path on this machine
    file_name: Mapped[str | None] = mapped_column(String(255))
    title: Mapped[str | None] = mapped_column(String(500))
    uploader: Mapped[str | None] = mapped_column(String(300))
    page_url: Mapped[str | None] = mapped_column(Text)
    published_on: Mapped[str | None] = mapped_column(String(10))  # 2026-11-22
    thumbnail_key: Mapped[str | None] = mapped_column(String(300))  # the site's own picture of it
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)  # of a file on this machine, as it was then
    modified_ns: Mapped[int | None] = mapped_column(BigInteger)  # and when it was last changed, nanoseconds since 1970
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
