"""Queues: what a person set for them."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from app.domain import QueueName
from app.models.base import Base, EnumText


class Queue(Base):
    """A queue that a person paused, or whose number of jobs at once they changed; without a row all is as in the settings."""

    __tablename__ = "queue"

    name: Mapped[QueueName] = mapped_column(EnumText(QueueName, 20), primary_key=True)
    paused: Mapped[bool] = mapped_column(default=False)
    concurrency: Mapped[int | None]
