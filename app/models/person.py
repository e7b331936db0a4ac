"""People: groups of faces, perhaps named."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime, utc_now


class Person(Base):
    """A person of the library. Ids are never reused; a named person outlives every new grouping."""

    __tablename__ = "person"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(200), index=True)
    cover_face_id: Mapped[int | None]  # no foreign key: face and person would point at each other
    cover_chosen: Mapped[bool] = mapped_column(default=False, server_default=false())  # by a user: it stays
    aliases: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    notes: Mapped[str | None] = mapped_column(Text)
    birth_date: Mapped[str | None] = mapped_column(String(10))  # 1980-12-31
    hidden: Mapped[bool] = mapped_column(default=False, server_default=false())  # left out of lists
    ignored: Mapped[bool] = mapped_column(default=False, server_default=false())  # a stranger: never shown, never asked
    favourite: Mapped[bool] = mapped_column(default=False, server_default=false())
    revision: Mapped[int] = mapped_column(default=1, server_default="1")  # grows with every edit; the ETag
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now)
