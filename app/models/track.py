"""Tracks: one face followed through one shot."""

from __future__ import annotations

from sqlalchemy import Float, ForeignKey, LargeBinary, false
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Track(Base):
    """One face followed through a video; a single node in clustering.

    ``embedding`` is the quality-weighted mean of its usable faces (of all its faces where none is usable), unit
    length, ``float32`` bytes. ``usable`` says whether the track may found or join a person.
    """

    __tablename__ = "track"
    __table_args__ = ({"sqlite_autoincrement": True},)  # a grouping writes by id later: it must not hit a newer track

    id: Mapped[int] = mapped_column(primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("video.id", ondelete="CASCADE"), index=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("embedding_space.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"), index=True)
    start: Mapped[float] = mapped_column(Float)  # seconds, first face
    end: Mapped[float] = mapped_column(Float)  # seconds, last face
    face_count: Mapped[int]
    quality: Mapped[float]
    usable: Mapped[bool]
    confirmed: Mapped[bool] = mapped_column(default=False, server_default=false())  # a user said who it is: it stays
    cut_from: Mapped[int | None] = mapped_column(index=True)  # a user cut it out of this track, which may be gone
    best_face_id: Mapped[int | None]  # no foreign key: face and track would point at each other
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
