"""Facts about people that users write down: names, notes, marks, the cover."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.errors import InvalidInputError
from app.models import Face, Person, utc_now
from app.services.context import Context
from app.services.people.editing import Edit, Edited, editing, label
from app.services.people.joining import other_names
from app.storage import people as people_rows

MAX_ALIASES = 50
MAX_NOTES = 20_000


@dataclass(frozen=True)
class Unset:
    """Stands for a fact that is left as it is."""


UNSET = Unset()


@dataclass(frozen=True)
class Facts:
    """What shall change; what is :data:`UNSET` stays.

    Attributes:
        name: One line; ``None`` or blank for no name.
        aliases: Other names.
        notes: Free text; ``None`` or blank for none.
        birth_date: ``1980-12-31``; ``None`` or blank where unknown.
        hidden: Left out of lists.
        ignored: A stranger: never shown, never asked about.
        favourite: Among the favourites.
        cover_face_id: A face of theirs; ``None``: the best one, chosen by itself.
    """

    name: str | Unset | None = UNSET
    aliases: Sequence[str] | Unset = UNSET
    notes: str | Unset | None = UNSET
    birth_date: str | Unset | None = UNSET
    hidden: bool | Unset = UNSET
    ignored: bool | Unset = UNSET
    favourite: bool | Unset = UNSET
    cover_face_id: int | Unset | None = UNSET

    @property
    def given(self) -> dict[str, Any]:
        """Those that shall change."""
        return {name: value for name, value in vars(self).items() if not isinstance(value, Unset)}


def rename_person(context: Context, person_id: int, name: str | None) -> Person:
    """Names a person, or takes the name away.

    Args:
        context: The context.
        person_id: The person.
        name: The new name; blanks at its ends and doubled ones inside are dropped. ``None`` or blank for no name.

    Returns:
        The person as stored.

    Raises:
        NotFoundError: There is no such person.
        InvalidInputError: The name is too long or holds control characters.
    """
    edit_person(context, person_id, Facts(name=name))
    with context.database.session() as session:
        return session.get_one(Person, person_id)


def edit_person(context: Context, person_id: int, facts: Facts, *, revision: int | None = None) -> Edited:
    """Changes facts about a person.

    Args:
        context: The context.
        person_id: The person.
        facts: What shall change.
        revision: The person's number of changes that the user has seen; ``None`` where they did not say.

    Returns:
        What it came to; ``same_name`` lists others of the new name: perhaps the same person.

    Raises:
        NotFoundError: There is no such person.
        OutdatedError: Somebody else changed them since.
        InvalidInputError: A fact is malformed, or the cover is no face of theirs.
    """
    with editing(context, "rename" if set(facts.given) == {"name"} else "edit") as edit:
        person = edit.person(person_id, revision)
        values = {name: _CLEAN[name](value) for name, value in facts.given.items() if name in _CLEAN}
        if not isinstance(facts.cover_face_id, Unset):
            values |= _cover(edit, person, facts.cover_face_id)
        if "aliases" in values:
            values["aliases"] = other_names(values["aliases"] or [], values.get("name", person.name))
        changed = {name: value for name, value in values.items() if getattr(person, name) != value}
        edit.result.summary = _summary(person, changed)
        edit.result.person_id = person_id
        edit.stays.add(person_id)
        edit.journal.set(person, **changed)
        if values.get("name"):
            edit.result.same_name = people_rows.of_name(edit.session, values["name"], but=person_id)
    return edit.result


def _cover(edit: Edit, person: Person, face_id: int | None) -> dict[str, Any]:
    if face_id is None:
        return {"cover_chosen": False}
    face = edit.session.get(Face, face_id)
    if face is None or face.person_id != person.id:
        raise InvalidInputError(f"Face {face_id} is no face of {label(person)}; choose one of theirs.")
    return {"cover_face_id": face_id, "cover_chosen": True}


def clean_aliases(given: Sequence[str] | None) -> list[str] | None:
    """Other names as they are kept.

    Raises:
        InvalidInputError: There are too many, or one is no name.
    """
    names = [name for one in given or [] if (name := people_rows.clean_name(one)) is not None]
    if len(names) > MAX_ALIASES:
        raise InvalidInputError(f"A person has at most {MAX_ALIASES} other names.")
    return other_names(names, None)


def clean_notes(given: str | None) -> str | None:
    """Free text as it is kept: any lines, no other control characters.

    Raises:
        InvalidInputError: It is too long or holds control characters.
    """
    text = (given or "").replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > MAX_NOTES:
        raise InvalidInputError(f"Notes have at most {MAX_NOTES:,} characters.")
    if any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t" for char in text):
        raise InvalidInputError("Notes must not hold control characters.")
    return text or None


def clean_birth_date(given: str | None) -> str | None:
    """A date as it is kept, such as ``1980-12-31``.

    Raises:
        InvalidInputError: It is no date, or lies in the future.
    """
    text = (given or "").strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError("Write the birth date as year-month-day, such as 1980-12-31.") from error
    if day > utc_now().date():
        raise InvalidInputError("The birth date lies in the future.")
    return day.isoformat()


def _same(given: bool) -> bool:
    return given


_CLEAN: dict[str, Any] = {
    "name": people_rows.clean_name,
    "aliases": clean_aliases,
    "notes": clean_notes,
    "birth_date": clean_birth_date,
    "hidden": _same,
    "ignored": _same,
    "favourite": _same,
}
_WORDS: dict[str, tuple[str, str]] = {
    "hidden": ("Hid {}", "Showed {} again"),
    "ignored": ("Ignored {}", "Stopped ignoring {}"),
    "favourite": ("Made {} a favourite", "Made {} no favourite any more"),
    "cover_chosen": ("Chose a picture for {}", "Left the picture of {} to be chosen by itself"),
}
_NOUNS = {"aliases": "other names", "birth_date": "birth date", "cover_chosen": "picture", "cover_face_id": "picture"}


def _summary(person: Person, changed: dict[str, Any]) -> str:
    who = label(person)
    if set(changed) == {"name"}:
        return f"Named {who} {changed['name']}" if changed["name"] else f"Took the name {who} away"
    if len(changed) == 1 and (name := next(iter(changed))) in _WORDS:
        return _WORDS[name][0 if changed[name] else 1].format(who)
    if changed and set(changed) <= {"cover_chosen", "cover_face_id"}:
        return f"Chose a picture for {who}"
    nouns = dict.fromkeys(_NOUNS.get(name, name) for name in changed)
    return f"Changed {', '.join(nouns)} of {who}"
