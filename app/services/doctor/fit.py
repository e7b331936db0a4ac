"""Whether database and files belong together at all, before anything is removed or said to be lost."""

from __future__ import annotations

from sqlalchemy import select

from app.models import Video
from app.services.doctor.orphans import OURS
from app.services.doctor.visit import Visit

FEW = 5  # so many files may be unknown, or missing, without a doubt about the whole


def belong_together(visit: Visit) -> bool:
    """Refuses to empty a library because DATABASE_URL names another one or an old copy, or BLOB_STORE a wrong place.

    Returns:
        False, with a word in the report, where most files are unknown or all are missing.
    """
    if visit.force:
        return True
    with visit.context.database.session() as session:
        known = {key for key in session.scalars(select(Video.blob_key)) if key is not None}
    unknown = here = found = 0
    for blob in visit.context.blobs.list("videos"):
        if OURS["videos"].fullmatch(blob.key):
            here += 1
            found += blob.key in known
            unknown += blob.key not in known and not visit.is_young(blob.modified)
    if len(known) > FEW and not found:
        message = (
            f"Not one of the {len(known)} videos in the database has its file. Is the folder or bucket the right one?"
        )
        visit.report.give_up("missing_library", len(known), f"{message} {OTHERWISE}")
        return False
    if unknown > FEW and unknown * 2 > here:
        message = f"{unknown} of {here} video files are not in the database. Is it the right one?"
        visit.report.give_up("unknown_library", unknown, f"{message} {OTHERWISE}")
        return False
    return True


OTHERWISE = "No file was touched. If all is as it should be, run: faaaaaces doctor --force"
