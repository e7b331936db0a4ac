"""Uploads that may be interrupted and gone on with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime, utc_now


class Upload(Base):
    """One upload by the tus protocol. How much has come is the size of its file among the temporary ones."""

    __tablename__ = "upload"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    file_name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int | None] = mapped_column(BigInteger)  # bytes in all; unknown while the sender defers it
    metadata_text: Mapped[str] = mapped_column(Text, default="")  # Upload-Metadata as it came
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # interval, sampling, batch
    video_id: Mapped[int | None] = mapped_column(ForeignKey("video.id", ondelete="SET NULL"))
    job_id: Mapped[str | None] = mapped_column(String(32))
    duplicate: Mapped[bool] = mapped_column(default=False)  # these very bytes were in the library already
    # Bytes from here on belong to a chunk whose checksum has not been compared yet.
    unverified_from: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))  # of the complete file, noted before it is filed
    error_code: Mapped[str | None] = mapped_column(String(50))
    error: Mapped[str | None] = mapped_column(Text)  # why the complete file was refused
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
