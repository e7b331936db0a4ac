"""What the scheduler does for the search."""

from __future__ import annotations

from app.services.context import Context
from app.services.search.matching import index_folder, search_index
from app.storage import face_changes


def tidy_search(context: Context) -> int:
    """Forgets old changes and writes the index's files anew where that helps; returns how many changes went."""
    with context.database.write() as session:
        forgotten = face_changes.prune(session)
    search_index(context).tidy(context.database, index_folder(context.settings))
    return forgotten
