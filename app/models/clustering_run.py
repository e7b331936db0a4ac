"""Groupings of the whole library: planned, waiting for a look, applied, taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain import RunState
from app.models.base import Base, EnumText, UtcDateTime, utc_now


class ClusteringRun(Base):
    """One grouping: what it would change, and what became of it."""

    __tablename__ = "clustering_run"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str | None] = mapped_column(String(32), index=True)
    state: Mapped[RunState] = mapped_column(EnumText(RunState, 20), index=True)
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # algorithm, threshold, space
    summary: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # counts, and why it waits
    plan: Mapped[bytes | None] = mapped_column(LargeBinary)  # which track goes to whom; of a refused one too
    event_id: Mapped[int | None]  # what applying it did
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
