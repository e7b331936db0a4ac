"""Marks of places in long lists, fit to be handed out: they say where a piece ended, and nothing may be read into them."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime

from app.errors import InvalidInputError
from app.storage.views.job_lists import Key

MAX_LENGTH = 400


def encode(name: str, key: Key) -> str:
    """A mark.

    Args:
        name: Of the list and its order; the mark is of no use in another one.
        key: Values by which the list is ordered, those of the last item.
    """
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in key]
    return base64.urlsafe_b64encode(json.dumps([name, *plain]).encode()).decode().rstrip("=")


def decode(name: str, types: tuple[type, ...], mark: str) -> Key:
    """Reads a mark.

    Args:
        name: As for :func:`encode`.
        types: Of the key's values.
        mark: What the caller sent.

    Raises:
        InvalidInputError: It is no mark of this list in this order.
    """
    try:
        if len(mark) > MAX_LENGTH:
            raise ValueError("too long")
        found_name, *values = json.loads(base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4)))
        if found_name != name:
            raise ValueError("of another list")
        return tuple(_value(kind, value) for kind, value in zip(types, values, strict=True))
    except (ValueError, TypeError, binascii.Error) as error:
        raise InvalidInputError(
            "This cursor does not belong to this list. Take next_cursor of the answer before, or none."
        ) from error


def _value(kind: type, value: object) -> int | str | datetime:
    if kind is datetime and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a moment without its time zone")
        return moment
    if kind is int and isinstance(value, int) and abs(value) < 2**31:
        return value
    if kind is str and isinstance(value, str) and len(value) <= 64 and value.isascii():
        return value
    raise ValueError("a value of another type")
