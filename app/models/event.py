"""What was done to people, so that it can be told and undone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime, utc_now


class PersonEvent(Base):
    """One edit, or one grouping of the library: which fields of which rows it changed, and from what to what.

    ``changes`` is compressed JSON; see :mod:`app.storage.journal`.
    """

    __tablename__ = "person_event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))  # rename, merge, split, move, grouping, ...
    summary: Mapped[str] = mapped_column(Text)  # a sentence for people
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undo_of: Mapped[int | None]  # the event that this one takes back
    changes: Mapped[bytes] = mapped_column(LargeBinary)


class PersonEventPerson(Base):
    """A person whom an event is about; the person may be gone."""

    __tablename__ = "person_event_person"
    __table_args__ = (Index("ix_person_event_person_person_id_event_id", "person_id", "event_id"),)

    event_id: Mapped[int] = mapped_column(ForeignKey("person_event.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(primary_key=True)  # no foreign key: history outlives people
