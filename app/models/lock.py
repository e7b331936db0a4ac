"""Locks: leases by name, for work that must happen once at a time in the whole library."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime


class Lock(Base):
    """A lease that one attempt holds; free when it has expired or the row is gone."""

    __tablename__ = "lock"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    token: Mapped[str] = mapped_column(String(32))
    owner: Mapped[str] = mapped_column(String(200))  # host:pid:start of the process that holds it
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
