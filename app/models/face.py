"""Faces: one detection in one frame."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Face(Base):
    """One detection in one sampled frame. (video, sample, ordinal) is unique, so nothing is ever stored twice."""

    __tablename__ = "face"
    __table_args__ = (
        UniqueConstraint("video_id", "sample", "ordinal", name="uq_face_place"),
        Index("ix_face_person_id_video_id_timestamp", "person_id", "video_id", "timestamp"),
        Index("ix_face_video_id_timestamp", "video_id", "timestamp"),
        {"sqlite_autoincrement": True},  # covers and open pages name faces by id: never reuse one
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("video.id", ondelete="CASCADE"))
    space_id: Mapped[int] = mapped_column(ForeignKey("embedding_space.id"))
    track_id: Mapped[int | None] = mapped_column(ForeignKey("track.id", ondelete="SET NULL"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    sample: Mapped[int]  # number of the sampled frame
    ordinal: Mapped[int]  # number of the face within its frame, best first
    timestamp: Mapped[float]  # seconds
    shown_until: Mapped[float | None]  # seconds; frames up to here look the same and were not looked at
    scene: Mapped[bytes | None] = mapped_column(LargeBinary)  # of its frame: see app.media.scenes
    x1: Mapped[float]
    y1: Mapped[float]
    x2: Mapped[float]
    y2: Mapped[float]
    landmarks: Mapped[bytes] = mapped_column(LargeBinary)  # float32 (5, 2), little-endian
    confidence: Mapped[float]
    quality: Mapped[float]
    quality_reasons: Mapped[list[Any]] = mapped_column(JSON, default=list)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)  # float32 (dimension,), unit length
    dismissed: Mapped[bool] = mapped_column(default=False, server_default=false())  # a user said that it is no face
    crop_key: Mapped[str] = mapped_column(String(300))
    attributes: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # guesses, such as the age, where they were asked for
