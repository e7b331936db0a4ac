"""Which person is meant."""

from __future__ import annotations

from app.errors import ConflictError, NotFoundError
from app.services.context import Context
from app.storage import people as people_rows


def find_person(context: Context, text: str) -> int:
    """The person of a number, or of a name that nobody else has.

    Args:
        context: The context.
        text: ``12``, ``Person 12`` or a name, whatever its case.

    Raises:
        NotFoundError: Nobody is called so; whether there is a person of a number is seen when they are looked at.
        ConflictError: Several are.
    """
    word = text.strip()
    number = word[len("person ") :] if word.casefold().startswith("person ") else word
    if number.isascii() and number.isdigit() and len(number) < 10:
        return int(number)
    with context.database.session() as session:
        found = people_rows.of_name(session, " ".join(word.split()))
    if not found:
        raise NotFoundError(f"Nobody is called “{word}”.")
    if len(found) > 1:
        raise ConflictError(f"Several people are called “{word}”: {', '.join(map(str, found))}. Use the number.")
    return found[0]
