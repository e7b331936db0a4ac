"""What happened to a job, line by line, for the person who looks at its page."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime, utc_now


class JobLog(Base):
    """One line of a job's log: a sentence without paths and secrets."""

    __tablename__ = "job_log"
    __table_args__ = ({"sqlite_autoincrement": True},)  # ids tell listeners how far they have read

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    level: Mapped[str] = mapped_column(String(10), default="info")  # info, warning, error
    message: Mapped[str] = mapped_column(Text)
