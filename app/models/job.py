"""Jobs: the row is the truth, the queue only carries its id."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain import JobKind, JobState, QueueName
from app.models.base import Base, EnumText, UtcDateTime, utc_now


class Job(Base):
    """One piece of queued work.

    ``lease_token`` names the attempt that owns the job; every write of a worker is fenced by it, so an attempt that
    was given up for dead can never write again. ``next_sample`` is the checkpoint: samples below it are stored.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_state_created_at", "state", "created_at"),
        Index("ix_job_queue_state_priority_created_at", "queue", "state", "priority", "created_at"),
        Index("ix_job_batch_id_state", "batch_id", "state"),
        # Whose turn it is: which batches wait, and when each was served last, without looking at every waiting job.
        Index(
            "ix_job_queue_state_priority_batch_id_created_at", "queue", "state", "priority", "batch_id", "created_at"
        ),
        Index("ix_job_queue_batch_id_claimed_at", "queue", "batch_id", "claimed_at"),
        # One grouping waits at most: what it will look at includes everything that came before it starts.
        Index(
            "uq_job_waiting_cluster",
            "kind",
            unique=True,
            sqlite_where=text("kind = 'cluster' AND state = 'queued'"),
            postgresql_where=text("kind = 'cluster' AND state = 'queued'"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[JobKind] = mapped_column(EnumText(JobKind, 30))
    state: Mapped[JobState] = mapped_column(EnumText(JobState, 20), default=JobState.QUEUED)
    step: Mapped[str] = mapped_column(
        String(40), default="waiting"
    )  # waiting, downloading, looking, linking, grouping, done
    video_id: Mapped[int | None] = mapped_column(ForeignKey("video.id", ondelete="CASCADE"), index=True)
    batch_id: Mapped[str | None] = mapped_column(String(32), index=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), index=True)
    queue: Mapped[QueueName] = mapped_column(EnumText(QueueName, 20), default=QueueName.VISION, server_default="vision")
    priority: Mapped[int] = mapped_column(
        default=0, server_default="0"
    )  # larger first; 10: a person waits, 0: one of many
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the next try after a failure that may pass
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    next_sample: Mapped[int] = mapped_column(default=0)
    done: Mapped[float] = mapped_column(default=0.0)  # frames looked at, or bytes downloaded
    total: Mapped[float | None]  # of how many, where known
    faces_found: Mapped[int] = mapped_column(default=0)
    speed: Mapped[float | None]  # units of `done` per second, lately
    seconds_left: Mapped[float | None]
    error_code: Mapped[str | None] = mapped_column(String(50))
    error: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)  # a success with a remark, such as a truncated file
    attempts: Mapped[int] = mapped_column(default=0)
    interruptions: Mapped[int] = mapped_column(
        default=0, server_default="0"
    )  # times it was cut off since its last checkpoint
    failures: Mapped[int] = mapped_column(
        default=0, server_default="0"
    )  # times in a row that it failed in a way that may pass
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when a worker last took it, in this queue
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_owner: Mapped[str | None] = mapped_column(String(200))  # host:pid:start of the process that works on it
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now, index=True)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
