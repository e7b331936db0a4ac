"""What the API reads and writes about jobs, batches and queues."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from flask import url_for
from pydantic import BaseModel, BeforeValidator, Field

from app.domain import JobKind, JobState, QueueName
from app.routes.schemas import JobOut, RequestBody
from app.services.library import JobDetail
from app.storage.views.job_lists import JobFilter, JobOrder
from app.storage.views.shapes import BatchRow, JobRow, LogLine, QueueRow

MAX_PIECE = 500


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


States = Annotated[tuple[JobState, ...], BeforeValidator(_split)]
Kinds = Annotated[tuple[JobKind, ...], BeforeValidator(_split)]
Queues = Annotated[tuple[QueueName, ...], BeforeValidator(_split)]


class JobsQuery(BaseModel):
    """``GET /api/jobs``; ``state``, ``kind`` and ``queue`` may be several, separated by commas or repeated."""

    state: States = ()
    kind: Kinds = ()
    queue: Queues = ()
    batch_id: str | None = Field(default=None, max_length=32)
    video_id: int | None = Field(default=None, ge=1, lt=2**31)
    text: str | None = Field(default=None, max_length=200)
    sort: Literal["created_at", "updated_at", "priority"] = "created_at"
    order: Literal["asc", "desc"] = "desc"
    limit: int = Field(default=50, ge=1, le=MAX_PIECE)
    cursor: str | None = Field(default=None, max_length=400)

    @property
    def filter(self) -> JobFilter:
        """Which jobs are wanted."""
        return JobFilter(self.state, self.kind, self.queue, self.batch_id or None, self.video_id, self.text or None)

    @property
    def job_order(self) -> JobOrder:
        """In which order."""
        return JobOrder(self.sort, self.order == "desc")


class BatchesQuery(BaseModel):
    """``GET /api/batches``."""

    limit: int = Field(default=50, ge=1, le=MAX_PIECE)
    cursor: str | None = Field(default=None, max_length=400)


class LogQuery(BaseModel):
    """``GET /api/jobs/<id>/log``."""

    after: int = Field(default=0, ge=0, lt=2**63)


class CancelBody(RequestBody):
    """``POST .../cancel``: whether what was found so far stays."""

    keep: bool = True


class QueueBody(RequestBody):
    """``PATCH /api/queues/<name>``; ``null`` goes back to what the settings say."""

    concurrency: Annotated[int, Field(ge=1, le=256)] | None


class ExportBody(RequestBody):
    """``POST /api/exports``."""

    what: Literal["faces"] = "faces"
    format: Literal["csv", "json"] = "csv"
    webhook_url: str | None = Field(default=None, max_length=4096)


def log_out(line: LogLine) -> dict[str, Any]:
    """A line of a job's log."""
    return {"id": line.id, "at": line.at.isoformat(), "level": line.level, "message": line.message}


def job_out(job: JobRow) -> dict[str, Any]:
    """A job as it stands."""
    return JobOut.of(job).model_dump(mode="json")


def detail_out(detail: JobDetail) -> dict[str, Any]:
    """A job with everything that is known of it."""
    parts = detail.parts
    segments = (
        {"total": parts.total, "done": parts.done, **{str(key): count for key, count in parts.counts.items()}}
        if parts is not None
        else None
    )
    return {
        **job_out(detail.job),
        "steps": [asdict(step) for step in detail.steps],
        "segments": segments,
        "log": [log_out(line) for line in detail.log],
        "log_url": url_for("api.job_log", job_id=detail.job.id),
        "events_url": url_for("api.job_events", job_id=detail.job.id),
    }


class BatchOut(BaseModel):
    """A batch; ``status`` is the sum of its jobs' states, ``jobs`` how many are in which."""

    batch_id: str
    title: str
    status: str
    progress: float
    total: int
    open: int
    jobs: dict[str, int]
    faces_found: int
    created_at: datetime
    updated_at: datetime
    jobs_url: str

    @classmethod
    def of(cls, batch: BatchRow) -> BatchOut:
        """From the library's view."""
        return cls(
            batch_id=batch.id,
            title=batch.title,
            status=batch.state,
            progress=round(batch.progress, 4),
            total=batch.total,
            open=batch.open,
            jobs={str(state): count for state, count in batch.counts.items()},
            faces_found=batch.faces_found,
            created_at=batch.created_at,
            updated_at=batch.updated_at,
            jobs_url=url_for("api.jobs", batch_id=batch.id),
        )


def batch_out(batch: BatchRow) -> dict[str, Any]:
    """A batch with its sums."""
    return BatchOut.of(batch).model_dump(mode="json")


def queue_out(queue: QueueRow) -> dict[str, Any]:
    """A queue; ``concurrency`` is ``null`` where it is as many as there are workers."""
    return {**asdict(queue), "name": queue.name.value}
