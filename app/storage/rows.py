"""What several nouns need to move many rows in few statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from sqlalchemy import CursorResult, func, select
from sqlalchemy.orm import Session

from app.domain import IntArray

# Rows of one executemany: large enough that a statement's own cost vanishes, small enough to keep memory flat.
BATCH = 10_000
NOBODY = -1  # stands for NULL in integer arrays

FINDINGS_LOCK = 0x0FAAAAACE7  # advisory lock of Postgres
VIDEO_LOCK = 0x0FAAAAAC  # class of Postgres' advisory locks; the video's id is the second half

T = TypeVar("T")


def batches(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """Cuts a sequence into pieces of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def run(session: Session, statement: Any, parameters: Sequence[dict[str, Any]] | None = None) -> int:
    """Runs a statement past the ORM's bookkeeping, once or for many parameters.

    Objects of the session do not see what it wrote.

    Returns:
        How many rows it touched; meaningless for many parameters.
    """
    session.flush()
    result = session.connection().execute(statement, parameters)
    return cast("CursorResult[Any]", result).rowcount


def serialize_findings(session: Session) -> None:
    """Lets one transaction at a time change who is who; to be called before the first such statement.

    On Postgres two of them lock tracks and faces in different orders and would bring each other down. SQLite has one
    writer anyway. All who need several locks take them in this order: :func:`own_video`, rows of jobs, this one.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(FINDINGS_LOCK)))


def own_video(session: Session, video_id: int) -> None:
    """Waits on Postgres until no worker is in a transaction on this video, and holds off the next one.

    The other half is in :mod:`app.storage.jobs`: every write of a worker shares the lock of its job's video.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(VIDEO_LOCK, video_id)))


def integers(values: Sequence[int | None]) -> IntArray:
    """Integers as an array; ``None`` becomes :data:`NOBODY`."""
    return np.array([NOBODY if value is None else value for value in values], dtype=np.int64)
