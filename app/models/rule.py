"""What users said about who is who and who is not."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.domain import RuleKind
from app.models.base import Base, EnumText, UtcDateTime, utc_now


class LinkRule(Base):
    """A hard rule of grouping: two tracks, a track and a person, or two people.

    ``SAME`` is of two tracks only; that a track is a certain person says ``Track.confirmed``.
    """

    __tablename__ = "link_rule"
    __table_args__ = ({"sqlite_autoincrement": True},)  # events name rules by id, also those that are gone

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[RuleKind] = mapped_column(EnumText(RuleKind, 20))
    track_id: Mapped[int | None] = mapped_column(ForeignKey("track.id", ondelete="CASCADE"), index=True)
    other_track_id: Mapped[int | None] = mapped_column(ForeignKey("track.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    other_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
