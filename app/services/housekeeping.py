"""What the scheduler tidies up."""

from __future__ import annotations

import logging

from app.services.context import Context

logger = logging.getLogger(__name__)

TEMP_MAX_AGE_SECONDS = 24 * 3600.0


def clean_up(context: Context) -> int:
    """Removes temporary files that nobody has touched for a day.

    Returns:
        How many were removed.
    """
    removed = context.blobs.clean_temp(TEMP_MAX_AGE_SECONDS)
    if removed:
        logger.info("temporary files removed", extra={"count": removed})
    return removed
