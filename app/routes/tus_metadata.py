"""Reads ``Upload-Metadata``, in which the tus protocol carries what a sender says about a file."""

from __future__ import annotations

import base64
import binascii

from app.errors import InvalidInputError

MAX_METADATA = 8000  # characters


def read_metadata(text: str) -> dict[str, str]:
    """The pairs of ``Upload-Metadata`` whose values are text.

    Raises:
        InvalidInputError: It is malformed, too long, or names a key twice.
    """
    if len(text) > MAX_METADATA:
        raise InvalidInputError("Upload-Metadata is too long.")
    values: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, encoded = pair.strip().partition(" ")
        value = decode(encoded.strip())
        if not key or not key.isascii() or key in values or value is None:
            raise InvalidInputError("Upload-Metadata must be pairs of a key and a value in Base64, each key once.")
        values[key] = value.decode(errors="replace")
    return values


def decode(encoded: str) -> bytes | None:
    """Base64; ``None`` where it is none."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
