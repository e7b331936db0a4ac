"""A change of pack that is under way: what it goes to, and what was measured anew so far."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime, utc_now


class PackMigration(Base):
    """The one change of pack that was begun; its faces are in :class:`StagedFace` until all change places at once."""

    __tablename__ = "pack_migration"

    id: Mapped[int] = mapped_column(primary_key=True)
    pack: Mapped[str] = mapped_column(String(100))
    space: Mapped[str] = mapped_column(String(100))
    dimension: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class StagedFace(Base):
    """What the new pack says of a face; nobody but the migration reads it.

    ``embedding`` is ``NULL`` where the face could not be measured: its crop and its video are gone.
    """

    __tablename__ = "staged_face"

    face_id: Mapped[int] = mapped_column(
        ForeignKey("face.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    source: Mapped[str] = mapped_column(String(10))  # crop, frame, kept, gone
    embedding: Mapped[bytes | None] = mapped_column(LargeBinary)  # float32 (dimension of the migration,), unit length
    quality: Mapped[float]
    quality_reasons: Mapped[list[Any]] = mapped_column(JSON, default=list)
