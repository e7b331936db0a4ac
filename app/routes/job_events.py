"""Server-sent events of one job or one batch, until it has ended.

The id of an event says how far the listener has read, so that one that comes back hears what it missed and nothing
twice: for a job the moment of its last change and the last line of its log, for a batch the moment alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime

from app.errors import NotFoundError
from app.models import utc_now
from app.routes.events import (
    HEARTBEAT_SECONDS,
    OVERLAP,
    POLL_SECONDS,
    RETRY_MILLISECONDS,
    Stopping,
    sse_event,
    stamp,
)
from app.routes.job_schemas import batch_out, job_out, log_out
from app.services.context import Context
from app.services.library import batch, changes, job, job_log

_JOB_ID = re.compile(r"([0-9]{1,17})-([0-9]{1,18})", re.ASCII)
END = "end"
BATCH_POLL_SECONDS = 1.0  # the sums of a large batch are not free


class Pace:
    """When to look again, and when to break the silence.

    Args:
        is_stopping: The stream ends once this is true.
        poll_seconds: Time between two looks at the database.
        heartbeat_seconds: Longest silence.
    """

    def __init__(
        self,
        is_stopping: Stopping,
        poll_seconds: float = POLL_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self.is_stopping = is_stopping
        self._poll = poll_seconds
        self._heartbeat = heartbeat_seconds
        self._spoken = time.monotonic()

    def said(self, lines: list[str]) -> str:
        """What is to be sent after a look: the lines, a heartbeat after a long silence, or nothing."""
        if not lines and time.monotonic() - self._spoken >= self._heartbeat:
            lines = [": still here\n\n"]
        if lines:
            self._spoken = time.monotonic()
        return "".join(lines)

    def wait(self) -> None:
        """Until the next look."""
        time.sleep(self._poll)


def parse_job_event_id(text: str | None) -> tuple[int, int]:
    """The change and the line that an event's id stands for; zeros where it is missing or foreign."""
    found = _JOB_ID.fullmatch(text or "")
    return (int(found[1]), int(found[2])) if found else (0, 0)


def job_stream(context: Context, job_id: str, told: tuple[int, int], pace: Pace) -> Iterator[str]:
    """The text of a job's stream: ``job`` for every change, ``log`` for every line, ``end`` after the last one.

    Args:
        context: The context.
        job_id: The job.
        told: What the listener knows: :func:`parse_job_event_id` of the last event.
        pace: How often to look.

    Yields:
        Whole events, or comments as heartbeats.
    """
    changed, line = told
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    while not pace.is_stopping():
        lines = []
        try:
            row = job(context, job_id)  # before its log: what happens in between is told in the next round
            news = job_log(context, job_id, line)
        except NotFoundError:
            yield sse_event(END, {"status": "deleted"})
            return
        for entry in news:
            line = entry.id
            lines.append(f"id: {changed}-{line}\n" + sse_event("log", log_out(entry)))
        if (moment := stamp(row.updated_at)) != changed:
            changed = moment
            lines.append(f"id: {changed}-{line}\n" + sse_event("job", job_out(row)))
        if row.state.is_final and not lines:
            yield sse_event(END, {"status": row.state.value})
            return
        if text := pace.said(lines):
            yield text
        pace.wait()


def batch_stream(context: Context, batch_id: str, since: datetime | None, pace: Pace) -> Iterator[str]:
    """The text of a batch's stream: ``batch`` with its sums, ``job`` for its jobs as they change, ``end`` at the end.

    Of many changes at once only some are told one by one; the sums have them all.

    Args:
        context: The context.
        batch_id: The batch.
        since: The last change that the listener knows of.
        pace: How often to look.

    Yields:
        Whole events, or comments as heartbeats.
    """
    cursor = since or utc_now()
    told: dict[str, datetime] = {}
    last: dict[str, object] = {}
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    while not pace.is_stopping():
        lines = []
        try:
            sums = batch(context, batch_id)
            jobs = changes(context, cursor - OVERLAP, batch_id=batch_id).jobs
        except NotFoundError:
            yield sse_event(END, {"status": "deleted"})
            return
        for row in jobs:
            if told.get(row.id) != row.updated_at:
                lines.append(sse_event("job", job_out(row)))
        told = {row.id: row.updated_at for row in jobs}
        cursor = max([cursor, *told.values()])
        if (shown := batch_out(sums)) != last:
            last = shown
            lines.append(f"id: {stamp(cursor)}\n" + sse_event("batch", shown))
        if not sums.open and not lines:
            yield sse_event(END, {"status": sums.state.value})
            return
        if text := pace.said(lines):
            yield text
        pace.wait()


def knows_all(context: Context, job_id: str, told: tuple[int, int]) -> bool:
    """True where a job has ended and the listener has heard of it: it need not come again."""
    row = job(context, job_id)
    return row.state.is_final and stamp(row.updated_at) == told[0] and not job_log(context, job_id, told[1])
