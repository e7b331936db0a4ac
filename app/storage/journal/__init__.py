"""Changes of who is who, remembered as events that can be undone.

Whoever changes people, tracks or rules on a user's or a grouping's behalf does it through a :class:`Journal`. An event
keeps single fields, from what to what, and rows that came or went. So an old event can be undone and newer ones that
touched other fields stay: a field goes back only where it still holds what the event had put there. Fields that say
one thing together, such as whose a track is and that this is certain, go back together or not at all.
"""

from __future__ import annotations

from app.storage.journal.changes import Changes
from app.storage.journal.undoing import Undone, undo
from app.storage.journal.writing import Journal

__all__ = ["Changes", "Journal", "Undone", "undo"]
