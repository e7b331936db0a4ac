"""Videos."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain import MediaKind, Sampling, VideoOrigin
from app.models.base import Base, EnumText, UtcDateTime, utc_now


class Video(Base):
    """One video of the library, recognised by the SHA-256 of its bytes.

    A video asked for by its address exists from the first moment; ``sha256`` and ``blob_key`` come with the download.
    """

    __tablename__ = "video"
    __table_args__ = ({"sqlite_autoincrement": True},)  # folders are named after ids: never reuse one

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    file_name: Mapped[str] = mapped_column(String(255))
    title: Mapped[str] = mapped_column(String(500))
    origin: Mapped[VideoOrigin] = mapped_column(EnumText(VideoOrigin, 20))
    media_kind: Mapped[MediaKind] = mapped_column(
        EnumText(MediaKind, 20), default=MediaKind.VIDEO, server_default="video"
    )
    source_url: Mapped[str | None] = mapped_column(Text)
    local_path: Mapped[str | None] = mapped_column(Text)  # a file that is used where it lies, instead of blob_key
    blob_key: Mapped[str | None] = mapped_column(String(300))
    thumbnail_key: Mapped[str | None] = mapped_column(String(300))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    duration: Mapped[float | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    frame_rate: Mapped[float | None]
    codec: Mapped[str | None] = mapped_column(String(50))
    interval: Mapped[float | None]  # seconds between samples of the last finished run
    sampling: Mapped[Sampling | None] = mapped_column(EnumText(Sampling, 20))  # of the last finished run
    frames_sampled: Mapped[int] = mapped_column(default=0)
    warning: Mapped[str | None] = mapped_column(Text)  # such as: the file is cut off after 61 s
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
    processed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
