"""What several nouns need to move many rows in few statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from sqlalchemy import CursorResult
from sqlalchemy.orm import Session

from app.domain import IntArray

# Rows of one executemany: large enough that a statement's own cost vanishes, small enough to keep memory flat.
BATCH = 10_000
NOBODY = -1  # stands for NULL in integer arrays

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


def integers(values: Sequence[int | None]) -> IntArray:
    """Integers as an array; ``None`` becomes :data:`NOBODY`."""
    return np.array([NOBODY if value is None else value for value in values], dtype=np.int64)
