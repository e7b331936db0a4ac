"""Keys of blobs, such as ``videos/12/original.mp4``: made by the program, kept in the database, checked all the same.

A key can have come from a damaged or forged row or from an address.
"""

from __future__ import annotations

from app.errors import InvalidInputError
from app.storage.names import safe_file_name

AREAS = ("videos", "faces", "thumbnails", "exports")
MAX_KEY = 300


def check_key(key: str) -> list[str]:
    """Takes a key apart.

    Returns:
        Its parts, two or more; the first is one of :data:`AREAS`.

    Raises:
        InvalidInputError: The key is empty, absolute, too long, climbs, names no area, or holds anything but plain names.
    """
    parts = key.split("/") if len(key) <= MAX_KEY else []
    if len(parts) < 2 or not all(_is_plain(part) for part in parts):
        raise InvalidInputError("This is not the key of a file of the library.")
    # thumbnails lie in a folder among the faces
    if parts[0] not in AREAS or (parts[0] == "faces" and parts[1].lower() == "thumbnails"):
        raise InvalidInputError("This is not the key of a file of the library.")
    return parts


def check_area(area: str) -> str:
    """The name of an area.

    Raises:
        InvalidInputError: There is no such area.
    """
    if area not in AREAS:
        raise InvalidInputError("There is no such part of the library.")
    return area


def is_key(key: str) -> bool:
    """True for what :func:`check_key` lets pass."""
    try:
        check_key(key)
    except InvalidInputError:
        return False
    return True


def _is_plain(part: str) -> bool:
    # What the guardian of names would leave as it is: no slash, no dots around it, nothing invisible, no device.
    return safe_file_name(part) == part
