"""Reads ZIP files that strangers made: nothing is unpacked to disk, and no member is believed about its size.

Members are read one by one into memory and go by their place in the archive. Their names are only ever shown, never
joined to a folder, so a name such as ``../../etc/passwd`` reaches nothing.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from app.errors import EmptyMediaError, EncryptedMediaError, MediaError, TooLargeError
from app.media.sniff import HEAD, is_archive, is_picture

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 300_000_000
MAX_UNPACKED = 100  # times the size of the archive: pictures hardly shrink in a ZIP file
ALWAYS_UNPACKED = 200_000_000  # bytes; below them an archive may shrink as it likes
_LOOKED_AT = 2_000  # members of which one has to be a picture

_UNREADABLE = "This ZIP file is damaged and cannot be read."
_TOO_MANY = f"This ZIP file holds more than {MAX_MEMBERS:,} files. Split it into several."
_BOMB = "This ZIP file unpacks to far more than pictures would. It is not opened."
_LOCKED = "This ZIP file is locked with a password. Make one without."
_NO_PICTURE = "There is no picture in this ZIP file. Videos are added one by one, not as a ZIP file."
_FAILURES = (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError, zlib.error)


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens a ZIP file and looks at its list of members, nothing else.

    Raises:
        MediaError: It is damaged.
        TooLargeError: It has too many members, or they unpack to too much.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _FAILURES as error:
        raise MediaError(_UNREADABLE) from error
    with archive:
        members = files_of(archive)
        if len(archive.infolist()) > 2 * MAX_MEMBERS or len(members) > MAX_MEMBERS:
            raise TooLargeError(_TOO_MANY)
        unpacked = sum(member.file_size for member in members)
        if unpacked > max(ALWAYS_UNPACKED, MAX_UNPACKED * path.stat().st_size):
            raise TooLargeError(_BOMB)
        yield archive


def files_of(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The members that are files and meant to be seen; not what macOS and others put beside them."""
    return [member for member in archive.infolist() if not member.is_dir() and not _is_hidden(member.filename)]


def _is_hidden(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1].lower() in ("thumbs.db", "desktop.ini")


def check_archive(path: Path) -> None:
    """Makes sure that a ZIP file has a picture to look at.

    Raises:
        MediaError: It is damaged.
        EncryptedMediaError: It is locked with a password.
        EmptyMediaError: There is no picture in it.
        TooLargeError: It has too many members, or they unpack to too much.
    """
    with open_archive(path) as archive:
        members = files_of(archive)[:_LOOKED_AT]
        if members and all(member.flag_bits & 1 for member in members):
            raise EncryptedMediaError(_LOCKED)
        if not any(is_picture(beginning_of(archive, member)) for member in members):
            raise EmptyMediaError(_NO_PICTURE)


def beginning_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The first bytes of a member; none where it cannot be read."""
    try:
        with archive.open(member) as file:
            return file.read(HEAD)
    except _FAILURES:
        return b""


def why_not(member: zipfile.ZipInfo) -> str | None:
    """Why a member is not even opened, or ``None``."""
    if member.flag_bits & 1:
        return "It is locked with a password."
    if stat.S_ISLNK(member.external_attr >> 16):
        return "It is a link to another file, not a picture."
    if member.file_size > MAX_MEMBER_BYTES:
        return f"It is larger than {MAX_MEMBER_BYTES // 1_000_000} MB."
    return None


@contextmanager
def open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[BinaryIO]:
    """Opens a member; what is not read is not unpacked.

    Raises:
        MediaError: It is locked, a link, too large, damaged or packed in an unknown way; the sentence says "It ...".
    """
    reason = why_not(member)
    if reason is not None:
        raise MediaError(reason)
    try:
        with archive.open(member) as file:
            if is_archive(file.read(HEAD)):
                raise MediaError("It is a ZIP file inside a ZIP file, which is not opened.")
            file.seek(0)
            yield cast("BinaryIO", file)
    except _FAILURES as error:
        raise MediaError("It is damaged inside the ZIP file.") from error


class Writable(Protocol):
    """Takes bytes one after the other."""

    def write(self, data: bytes, /) -> int:
        """Appends bytes."""


def pack_files(target: Writable, files: Sequence[tuple[str, Path]]) -> None:
    """Packs files into a ZIP file as they are. The same files give the same bytes, whatever their dates.

    Args:
        target: Takes the bytes; it need not seek, so it may as well only count or hash them.
        files: Each one's name within the archive and where it lies.

    Raises:
        OSError: One of them cannot be read.
    """
    with zipfile.ZipFile(cast("BinaryIO", _Stream(target)), "w", zipfile.ZIP_STORED) as archive:
        for name, path in files:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as member:
                shutil.copyfileobj(source, member, 1 << 20)


class _Stream:
    """As much of a file as :mod:`zipfile` needs to write one front to back."""

    def __init__(self, target: Writable) -> None:
        self._target = target

    def write(self, data: bytes) -> int:
        self._target.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""
