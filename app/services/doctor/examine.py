"""One examination of the library, from its jobs to its last file."""

from __future__ import annotations

from datetime import datetime

from app.models import utc_now
from app.services.context import Context
from app.services.doctor.decisions import mend_decisions, mend_dismissed
from app.services.doctor.files import mend_files
from app.services.doctor.fit import belong_together
from app.services.doctor.jobs import mend_jobs
from app.services.doctor.orphans import remove_orphans
from app.services.doctor.report import Report
from app.services.doctor.rows import mend_rows
from app.services.doctor.visit import Visit


def examine(context: Context, *, dry_run: bool = False, force: bool = False, now: datetime | None = None) -> Report:
    """Finds damage and repairs what can be repaired.

    Args:
        context: The context.
        dry_run: Say what would be done, and change nothing.
        force: Go on also where most files are unknown or all are missing.
        now: The present moment, for tests.

    Returns:
        What was found, and what became of it.

    Raises:
        StorageError: The store of videos and pictures is missing or away: everything would seem to be lost.
    """
    context.blobs.check()
    visit = Visit(context, Report(dry_run), now or utc_now(), force)
    mend_jobs(visit)
    if belong_together(visit):
        mend_files(visit)
        remove_orphans(visit)
    mend_dismissed(visit)
    mend_rows(visit)
    mend_decisions(visit)
    return visit.report
