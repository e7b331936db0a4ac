"""What an event keeps: fields with their values before and after, and rows that came or went."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import LargeBinary, select
from sqlalchemy.orm import Session

from app.models import Base, Face, LinkRule, Person, Track, UtcDateTime
from app.storage.rows import batches

# In the order in which rows can be made. Faces are never made or deleted by an event; tracks only when all their faces
# are said to be none.
KINDS: dict[str, type[Base]] = {"person": Person, "track": Track, "face": Face, "link_rule": LinkRule}
# Fields that say one thing together.
COUPLED: dict[str, tuple[frozenset[str], ...]] = {
    "track": (frozenset({"person_id", "confirmed"}),),
    "person": (frozenset({"cover_face_id", "cover_chosen"}),),
    "face": (frozenset({"track_id", "dismissed"}),),
}


@dataclass
class Changes:
    """What one event did.

    Attributes:
        fields: By table and field: row, value before, value after. Equal values only say what held at that time.
        added: By table: rows that it made, whole.
        removed: By table: rows that it deleted, whole.
        newest_track: The newest track when it was done; newer ones that were cut out of one that it changed are to be
            treated like that one.
    """

    fields: dict[str, dict[str, list[list[Any]]]] = field(default_factory=dict)
    added: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    removed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    newest_track: int | None = None

    @property
    def empty(self) -> bool:
        """True where nothing changed."""
        entries = (entry for names in self.fields.values() for all_ in names.values() for entry in all_)
        return not (self.added or self.removed or any(before != after for _, before, after in entries))

    def pack(self) -> bytes:
        """As it is stored."""
        return zlib.compress(json.dumps(vars(self), separators=(",", ":")).encode(), 6)

    @classmethod
    def unpack(cls, data: bytes) -> Changes:
        """From what is stored."""
        return cls(**json.loads(zlib.decompress(data)))


def partners(table: str, name: str) -> set[str]:
    """The fields that say one thing together with this one, without it."""
    return {one for group in COUPLED.get(table, ()) if name in group for one in group} - {name}


def whole(row: Base) -> dict[str, Any]:
    """All fields of a row, as JSON has them."""
    return {column.key: plain(getattr(row, column.key)) for column in row.__table__.columns}


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.value if isinstance(value, Enum) else value


def parsed(model: type[Base], values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a row as the table has them; such as the table does not have any more are left out."""
    return {name: parse(model, name, value) for name, value in values.items() if name in model.__table__.c}


def parse(model: type[Base], name: str, value: Any) -> Any:
    """A value as the table has it."""
    kind = model.__table__.c[name].type
    if value is not None and isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    if value is not None and isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    return value


def current(session: Session, model: type[Base], name: str, keys: Iterable[int]) -> list[tuple[int, Any]]:
    """Present values of a field of those rows that exist."""
    found: list[tuple[int, Any]] = []
    session.flush()
    for part in batches(list(keys)):
        query = select(model.id, getattr(model, name)).where(model.id.in_(part))  # type: ignore[attr-defined]
        found.extend((key, value) for key, value in session.execute(query))
    return found
