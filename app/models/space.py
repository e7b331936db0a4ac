"""Embedding spaces: faces of different spaces are never compared."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime, utc_now


class EmbeddingSpace(Base):
    """One embedder's space.

    The row is written with the library's first face and pins its pack.
    """

    __tablename__ = "embedding_space"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    pack: Mapped[str] = mapped_column(String(100))
    dimension: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
