"""The stills of a set of pictures."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime


class Picture(Base):
    """One still of a set; a face's ``sample`` is the number of its picture."""

    __tablename__ = "picture"
    __table_args__ = (UniqueConstraint("video_id", "number", name="uq_picture_place"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("video.id", ondelete="CASCADE"))
    number: Mapped[int]  # from 0, in order of time taken, else of name
    file_name: Mapped[str] = mapped_column(String(255))
    blob_key: Mapped[str | None] = mapped_column(String(300))  # a JPEG of moderate size, for browsers
    local_path: Mapped[str | None] = mapped_column(Text)  # where it lies, or lay when it was added, on this machine
    place: Mapped[int] = mapped_column(default=0, server_default="0")  # which file of the ZIP file it is
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)  # of the file at local_path, as it was then
    modified_ns: Mapped[int | None] = mapped_column(BigInteger)  # and when it was last changed
    width: Mapped[int | None]
    height: Mapped[int | None]
    taken_at: Mapped[str | None] = mapped_column(String(30))  # ISO 8601 without zone unless the picture tells one
    error: Mapped[str | None] = mapped_column(Text)  # why it could not be read
    added_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
