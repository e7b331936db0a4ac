"""Tells what kind of file something is by its first bytes; names lie too often."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from app.pixels import is_animated, looks_like_heif

HEAD = 16


class FileKind(Enum):
    """What has to be done with a file."""

    PICTURE = "picture"
    ARCHIVE = "archive"  # a ZIP file
    OTHER = "other"  # perhaps a video


def is_picture(beginning: bytes) -> bool:
    """Whether a file that begins like this is a picture of a kind that can be read; it may be an animation.

    Args:
        beginning: At least the first 16 bytes, where there are as many.
    """
    if beginning.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")):
        return True
    if beginning.startswith(b"RIFF"):
        return beginning[8:12] == b"WEBP"
    if beginning.startswith(b"BM"):
        return beginning[6:10] == bytes(4)  # two fields that are reserved; "BM" alone may be any text
    return looks_like_heif(beginning)


def is_archive(beginning: bytes) -> bool:
    """Whether a file that begins like this is a ZIP file; an empty one counts."""
    return beginning.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def kind_of(path: Path) -> FileKind:
    """Looks at a file.

    An animation (GIF, PNG) is no picture here: FFmpeg reads it as the short film that it is.

    Args:
        path: A readable file.
    """
    with path.open("rb") as file:
        beginning = file.read(HEAD)
        file.seek(0)
        if is_archive(beginning):
            return FileKind.ARCHIVE
        if not is_picture(beginning):
            return FileKind.OTHER
        moving = beginning.startswith((b"GIF8", b"\x89PNG")) and is_animated(file)
    return FileKind.OTHER if moving else FileKind.PICTURE
