"""What the API reads and writes about people, and what was done to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from flask import url_for
from pydantic import BaseModel, Field, StringConstraints, model_validator

from app.routes.schemas import FaceOut, PageQuery, PersonOut, RequestBody
from app.services.people import SHARES, Chosen, Edited, Facts, Leaving, SplitPart, SplitProposal, UndoneEvent
from app.storage.events import EventRow
from app.storage.views.shapes import PersonRow

MOST_IDS = 100_000
Id = Annotated[int, Field(ge=1, lt=2**31)]
Ids = Annotated[list[Id], Field(max_length=MOST_IDS)]
SomeIds = Annotated[list[Id], Field(min_length=1, max_length=MOST_IDS)]
Name = Annotated[str, StringConstraints(max_length=200)]


class PeopleQuery(PageQuery):
    """``GET /api/people``; ``q``: words of a name."""

    order: Literal["seen", "newest", "name"] = "seen"
    only: Literal["all", "named", "unnamed", "favourites", "hidden", "ignored"] = "all"
    q: str | None = Field(default=None, max_length=200)


class PersonBody(RequestBody):
    """``PATCH /api/people/<id>``: what is left out stays as it is.

    An empty name takes the name away; ``cover_face_id: null`` lets the picture be chosen by itself.
    """

    name: Name | None = None
    aliases: Annotated[list[Name], Field(max_length=50)] | None = None
    notes: Annotated[str, StringConstraints(max_length=20_000)] | None = None
    birth_date: Annotated[str, StringConstraints(max_length=20)] | None = None
    hidden: bool = False
    ignored: bool = False
    favourite: bool = False
    cover_face_id: Id | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(f"Give at least one of {', '.join(type(self).model_fields)}.")
        return self

    @property
    def facts(self) -> Facts:
        """The same for the use case."""
        return Facts(**{name: getattr(self, name) for name in self.model_fields_set})


class ChosenBody(RequestBody):
    """Faces, whole tracks, or both."""

    face_ids: Ids = Field(default_factory=list)
    track_ids: Ids = Field(default_factory=list)

    @property
    def chosen(self) -> Chosen:
        """The same for the use case."""
        return Chosen(faces=self.face_ids, tracks=self.track_ids)


class NewPersonBody(ChosenBody):
    """``POST /api/people``."""

    name: Name | None = None


class MoveBody(ChosenBody):
    """``POST /api/faces/move``."""

    person_id: Id


class MergeBody(RequestBody):
    """``POST /api/people/<id>/merge``: who joins, which name and which picture stay."""

    person_ids: SomeIds
    name: Name | None = None
    cover_face_id: Id | None = None


class DifferentBody(RequestBody):
    """``POST /api/people/<id>/different``: from whom; these are different from each other, too."""

    person_ids: Annotated[list[Id], Field(min_length=1, max_length=199)]


class SplitQuery(BaseModel):
    """``GET /api/people/<id>/split``."""

    strictness: int | None = Field(default=None, ge=1, le=len(SHARES))
    samples: int = Field(default=6, ge=0, le=50)


class GroupBody(RequestBody):
    """A group that goes: to somebody new, or to another person."""

    track_ids: SomeIds
    name: Name | None = None
    person_id: Id | None = None


class SplitBody(RequestBody):
    """``POST /api/people/<id>/split``."""

    groups: Annotated[list[GroupBody], Field(min_length=1, max_length=200)]

    @property
    def leaving(self) -> list[Leaving]:
        """The same for the use case."""
        return [Leaving(group.track_ids, group.name, group.person_id) for group in self.groups]


class HistoryQuery(BaseModel):
    """``GET /api/history`` and ``GET /api/people/<id>/history``."""

    limit: int = Field(default=50, ge=1, le=500)
    cursor: int | None = Field(default=None, ge=1, lt=2**31)


def person_out(person: PersonRow) -> dict[str, Any]:
    """A person with everything that is known of them."""
    return {**PersonOut.of(person).model_dump(mode="json"), "notes": person.notes}


def edited_out(edited: Edited, person: PersonRow | None) -> dict[str, Any]:
    """What an edit came to."""
    return {
        "event_id": edited.event_id,
        "summary": edited.summary,
        "undo_url": url_for("api.undo_event", event_id=edited.event_id) if edited.event_id else None,
        "person": person_out(person) if person is not None else None,
        "changed": edited.people,
        "gone": edited.gone,
        "same_name": edited.same_name,
        "notes": edited.notes,
    }


def proposal_out(proposal: SplitProposal) -> dict[str, Any]:
    """How a person may be taken apart."""
    return {
        "person_id": proposal.person_id,
        "revision": proposal.revision,
        "strictness": proposal.strictness,
        "strictest": len(SHARES),
        "groups": [_part_out(part) for part in proposal.parts],
        "rest": _part_out(proposal.rest) if proposal.rest is not None else None,
    }


def _part_out(part: SplitPart) -> dict[str, Any]:
    return {
        "track_ids": part.tracks,
        "face_count": part.face_count,
        "video_count": part.video_count,
        "confirmed_tracks": part.confirmed,
        "faces": [FaceOut.of(face).model_dump(mode="json") for face in part.samples],
    }


class EventOut(BaseModel):
    """Something that was done; ``person_ids`` may name people who are gone."""

    event_id: int
    kind: str
    summary: str
    created_at: datetime
    undone_at: datetime | None
    undo_of: int | None
    person_ids: list[int]
    undo_url: str | None

    @classmethod
    def of(cls, event: EventRow) -> EventOut:
        """From a row."""
        return cls(
            event_id=event.id,
            kind=event.kind,
            summary=event.summary,
            created_at=event.created_at,
            undone_at=event.undone_at,
            undo_of=event.undo_of,
            person_ids=list(event.people),
            undo_url=None if event.undone_at else url_for("api.undo_event", event_id=event.id),
        )


def event_out(event: EventRow) -> dict[str, Any]:
    """Something that was done."""
    return EventOut.of(event).model_dump(mode="json")


def undone_out(undone: UndoneEvent) -> dict[str, Any]:
    """What became of taking an event back; ``event_id`` is what to undo to have it again."""
    again = undone.undo_event_id
    return {
        "event_id": again,
        "undone": undone.event_id,
        "summary": undone.summary,
        "restored": undone.restored,
        "kept": undone.kept,
        "changed": undone.people,
        "undo_url": url_for("api.undo_event", event_id=again) if again else None,
    }
