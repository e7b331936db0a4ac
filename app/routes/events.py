"""Server-sent events: what changed, told as it happens.

The database is the only channel between workers and the web page, so that it works the same with one process and with
many machines. Every listener asks it twice a second with two indexed statements.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

from flask import current_app

from app.models import utc_now
from app.routes.schemas import JobOut
from app.services.context import Context
from app.services.library import Changes, LibraryMark, changes

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 2000
# A change is stamped when it is written and seen when it is committed; clocks of machines differ a little too.
OVERLAP = timedelta(seconds=5)
STOPPING = "faaaaaces_stopping"

Stopping = Callable[[], bool]


def stopping() -> Stopping:
    """Tells whether the server is about to stop; whoever runs it may put a function into the application."""
    return cast("Stopping", current_app.extensions.get(STOPPING, lambda: False))


def event_stream(
    context: Context,
    since: datetime | None,
    is_stopping: Stopping,
    *,
    poll_seconds: float = POLL_SECONDS,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> Iterator[str]:
    """The text of the stream.

    Args:
        context: The context.
        since: The last change that the listener knows of; ``None`` at the first connection.
        is_stopping: The stream ends once this is true.
        poll_seconds: Time between two looks at the database.
        heartbeat_seconds: Longest silence.

    Yields:
        Whole events, or comments as heartbeats.
    """
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    cursor = since or utc_now()
    told: dict[str, datetime] = {}
    mark = None
    spoken = time.monotonic()
    while not is_stopping():
        found = changes(context, cursor - OVERLAP)
        lines = list(_job_events(found, told))
        cursor = max([cursor, *(job.updated_at for job in found.jobs)])
        # only what the next look returns again has to be remembered
        told = {job.id: job.updated_at for job in found.jobs}
        if found.many and lines:
            lines.append(sse_event("jobs", {"many": True}))  # more than can be told one by one
        if (new_mark := mark_of(found.mark)) != mark:
            mark = new_mark
            lines.append(sse_event("library", {"mark": mark, "videos": found.mark.videos, "people": found.mark.people}))
        if not lines and time.monotonic() - spoken >= heartbeat_seconds:
            lines.append(": still here\n\n")
        if lines:
            spoken = time.monotonic()
            yield "".join(lines)
        time.sleep(poll_seconds)


def mark_of(mark: LibraryMark) -> str:
    """A short text that differs whenever the people or the list of videos differ."""
    return hashlib.sha256(repr(mark).encode()).hexdigest()[:16]


def parse_event_id(text: str | None) -> datetime | None:
    """The moment that an event's id stands for; ``None`` where it is missing or foreign."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > 17:
        return None
    return datetime.fromtimestamp(int(text) / 1_000_000, UTC)


def _job_events(found: Changes, told: dict[str, datetime]) -> Iterator[str]:
    for job in found.jobs:
        if told.get(job.id) != job.updated_at:
            yield f"id: {stamp(job.updated_at)}\n" + sse_event("job", JobOut.of(job).model_dump(mode="json"))


def stamp(moment: datetime) -> int:
    """A moment as the id of an event: microseconds since 1970."""
    return round(moment.timestamp() * 1_000_000)


def sse_event(name: str, data: dict[str, object]) -> str:
    """One event, its data as JSON on one line."""
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
