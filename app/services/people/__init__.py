"""What users do to people. Every edit is one transaction and one event, which can be undone at any time."""

from __future__ import annotations

from app.services.people.editing import Edited
from app.services.people.facts import UNSET, Facts, edit_person, rename_person
from app.services.people.finding import find_person
from app.services.people.history import EventList, UndoneEvent, event_of, list_events, undo_event
from app.services.people.joining import join_people
from app.services.people.merging import delete_person, merge_people, say_different
from app.services.people.moving import Chosen, confirm_faces, dismiss_faces, move_faces, remove_faces
from app.services.people.splitting import (
    SHARES,
    Leaving,
    SplitPart,
    SplitProposal,
    propose_split,
    split_person,
)

__all__ = [
    "SHARES",
    "UNSET",
    "Chosen",
    "Edited",
    "EventList",
    "Facts",
    "Leaving",
    "SplitPart",
    "SplitProposal",
    "UndoneEvent",
    "confirm_faces",
    "delete_person",
    "dismiss_faces",
    "edit_person",
    "event_of",
    "find_person",
    "join_people",
    "list_events",
    "merge_people",
    "move_faces",
    "propose_split",
    "remove_faces",
    "rename_person",
    "say_different",
    "split_person",
    "undo_event",
]
