"""Questions of the review: are these two one person?"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.domain import Answer
from app.models.base import Base, EnumText, UtcDateTime, utc_now


class ReviewQuestion(Base):
    """Two people, or a track and a person, near the threshold; asked once.

    ``pair`` names the two, such as ``p12-p40`` or ``t7-p12``, the same for both orders.
    """

    __tablename__ = "review_question"
    __table_args__ = (
        UniqueConstraint("pair", name="uq_review_question_pair"),
        Index("ix_review_question_answer_value", "answer", "value"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pair: Mapped[str] = mapped_column(String(60))
    person_id: Mapped[int | None]  # no foreign keys: an answer is remembered when the two are gone
    other_person_id: Mapped[int | None]
    track_id: Mapped[int | None]
    face_id: Mapped[int | None]  # what to show of the first
    other_face_id: Mapped[int | None]  # and of the second
    similarity: Mapped[float]  # 0..100
    value: Mapped[float]  # expected number of faces that an answer puts right
    answer: Mapped[Answer | None] = mapped_column(EnumText(Answer, 20))
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    event_id: Mapped[int | None]  # what the answer did
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
