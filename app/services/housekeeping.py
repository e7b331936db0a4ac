"""What the scheduler tidies up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from app.errors import AppError
from app.services import exports, idempotency, resumable, webhooks
from app.services.context import Context
from app.services.search import tidy_search

logger = logging.getLogger(__name__)

TEMP_MAX_AGE_SECONDS = 24 * 3600.0
UPLOADS_IN_PARTS_MAX_AGE_SECONDS = 7 * 24 * 3600.0


def clean_up(context: Context) -> int:
    """Removes what is of no use any more: unfinished files, copies of blobs, uploads, exports, old answers and messages.

    Each kind on its own: one that fails does not keep the others from being removed.

    Returns:
        How many things were removed.
    """
    removed = 0
    for step in STEPS:
        try:
            removed += step(context)
        except (AppError, SQLAlchemyError, OSError):
            logger.exception("not tidied up", extra={"step": step.__name__})
    return removed


def clean_temp(context: Context) -> int:
    """Removes temporary files, and copies of blobs, that nobody has touched for a day; returns how many."""
    removed = context.blobs.clean_temp(TEMP_MAX_AGE_SECONDS)
    if removed:
        logger.info("temporary files removed", extra={"count": removed})
    return removed


def end_uploads_in_parts(context: Context) -> int:
    """Ends uploads to a bucket that were cut off a week ago, because they cost space unseen; returns how many."""
    return context.blobs.abort_uploads(time.time() - UPLOADS_IN_PARTS_MAX_AGE_SECONDS)


STEPS: tuple[Callable[[Context], int], ...] = (
    clean_temp,
    end_uploads_in_parts,
    resumable.expire,
    exports.expire,
    idempotency.expire,
    webhooks.expire,
    tidy_search,
)
