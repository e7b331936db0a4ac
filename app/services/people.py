"""What users do to people."""

from __future__ import annotations

from app.errors import NotFoundError
from app.models import Person
from app.services.context import Context
from app.storage import people as people_rows


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
    with context.database.write() as session:
        person = people_rows.rename(session, person_id, name)
    if person is None:
        raise NotFoundError("There is no such person.")
    return person
