"""Sets of pictures, from a ZIP file, a folder or one file: what is in them, in which order, and their pixels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import BinaryIO, Protocol
from zipfile import ZipFile

from app.domain import Image
from app.errors import MediaError, TooLargeError
from app.media.archives import MAX_MEMBER_BYTES, beginning_of, files_of, open_archive, open_member
from app.media.sniff import HEAD, FileKind, is_archive, is_picture, kind_of
from app.pixels import MAX_PIXELS, decode_image, read_facts

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".heic", ".heif", ".hif"}
)


@dataclass(frozen=True, slots=True)
class Still:
    """One picture of a set.

    Attributes:
        name: Of its file, with its folders inside the set.
        place: Which file of the set it is: the number in the ZIP file, or 0.
        path: Where it lies, where it is a file of its own.
        width: Pixels, upright; ``None`` where it cannot be read.
        height: Pixels, upright.
        taken_at: When it was taken, with a zone where the camera told one.
        error: Why it cannot be read.
    """

    name: str
    place: int = 0
    path: Path | None = None
    width: int | None = None
    height: int | None = None
    taken_at: datetime | None = None
    error: str | None = None


class StillSource(Protocol):
    """Where the pictures of a set lie."""

    def files(self) -> Iterator[tuple[Still, bytes]]:
        """All files, not yet looked at, each with its first bytes; none of them where it cannot be read."""

    def open(self, still: Still) -> AbstractContextManager[BinaryIO]:
        """Opens a file.

        Raises:
            MediaError: It cannot be opened or read, also later, while the file is read; the sentence says "It ...".
        """


class ArchiveStills:
    """The pictures of an open ZIP file."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._members = files_of(archive)

    def files(self) -> Iterator[tuple[Still, bytes]]:
        """See :class:`StillSource`."""
        for place, member in enumerate(self._members):
            yield Still(member.filename.replace("\\", "/"), place), beginning_of(self._archive, member)

    def open(self, still: Still) -> AbstractContextManager[BinaryIO]:
        """See :class:`StillSource`."""
        if not 0 <= still.place < len(self._members):
            raise MediaError("It is no longer in the ZIP file.")
        return open_member(self._archive, self._members[still.place])


class FileStills:
    """Pictures that are files of their own.

    Args:
        files: Each file's name within the set, and where it lies.
    """

    def __init__(self, files: Sequence[tuple[str, Path]]) -> None:
        self._files = files

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self._files)

    def files(self) -> Iterator[tuple[Still, bytes]]:
        """See :class:`StillSource`."""
        for place, (name, path) in enumerate(self._files):
            try:
                with path.open("rb") as file:
                    beginning = file.read(HEAD)
            except OSError:
                beginning = b""
            yield Still(name, place, path), beginning

    @contextmanager
    def open(self, still: Still) -> Iterator[BinaryIO]:
        """See :class:`StillSource`."""
        path = self._files[still.place][1] if still.path is None else still.path
        try:
            with path.open("rb") as file:
                yield file
        except OSError as error:
            raise MediaError("It is no longer where it was, or cannot be opened.") from error


@contextmanager
def open_stills(path: Path, name: str) -> Iterator[StillSource]:
    """Opens a picture or a ZIP file of pictures.

    Args:
        path: The file.
        name: What a single picture is called.

    Raises:
        MediaError: A ZIP file is damaged.
        TooLargeError: A ZIP file has too many members, or they unpack to too much.
    """
    if kind_of(path) is FileKind.ARCHIVE:
        with open_archive(path) as archive:
            yield ArchiveStills(archive)
    else:
        yield FileStills([(name, path)])


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in a set.

    Attributes:
        stills: The pictures in their order, broken ones with the reason.
        left_out: How many files are no pictures.
    """

    stills: list[Still]
    left_out: int


def list_stills(source: StillSource, max_pixels: int = MAX_PIXELS, check: Callable[[], None] = lambda: None) -> Listing:
    """Looks at the head of every file and puts the pictures in order: by the time they were taken, else by name.

    Args:
        source: The files.
        max_pixels: Largest width times height.
        check: Called before each file; may raise to stop.
    """
    stills: list[Still] = []
    left_out = 0
    for still, beginning in source.files():
        check()
        if is_picture(beginning):
            stills.append(_with_facts(source, still, max_pixels))
        elif reason := _missing(source, still, beginning):
            stills.append(replace(still, error=reason))
        else:
            left_out += 1
    return Listing(in_order(stills), left_out)


def read_still(source: StillSource, still: Still, max_pixels: int = MAX_PIXELS) -> Image:
    """The pixels of a picture, upright.

    Raises:
        MediaError: It cannot be read.
        TooLargeError: It has too many pixels.
    """
    with source.open(still) as file:
        data = file.read(MAX_MEMBER_BYTES + 1)
    if len(data) > MAX_MEMBER_BYTES:
        raise MediaError(f"It is larger than {MAX_MEMBER_BYTES // 1_000_000} MB.")
    return decode_image(data, max_pixels)


def in_order(stills: Sequence[Still]) -> list[Still]:
    """Pictures with a time first, by time, the others by name, as people count: ``IMG_9`` before ``IMG_10``.

    A time without a zone is taken to be of the zone that most others of the set have.
    """
    zones = Counter(still.taken_at.utcoffset() for still in stills if still.taken_at and still.taken_at.tzinfo)
    usual = zones.most_common(1)[0][0] if zones else None
    return sorted(stills, key=lambda still: (_moment(still.taken_at, usual), _natural(still.name), still.place))


def _moment(taken: datetime | None, usual: timedelta | None) -> datetime:
    if taken is None:
        return datetime.max.replace(tzinfo=UTC)
    if taken.tzinfo is None:
        # not by astimezone: it fails at the ends of the calendar
        return taken.replace(tzinfo=timezone(usual or timedelta()))
    return taken


def _natural(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(part[:18]), "") if part.isdecimal() and part.isascii() else (-1, part) for part in parts]


def _with_facts(source: StillSource, still: Still, max_pixels: int) -> Still:
    try:
        with source.open(still) as file:
            facts = read_facts(file, max_pixels)
    except (MediaError, TooLargeError) as error:
        return replace(still, error=error.message)
    return replace(still, width=facts.width, height=facts.height, taken_at=facts.taken_at)


def _missing(source: StillSource, still: Still, beginning: bytes) -> str | None:
    """Why a file that people would take for a picture is none; ``None`` for all other files."""
    if Path(still.name).suffix.lower() not in PICTURE_SUFFIXES and not is_archive(beginning):
        return None
    try:
        with source.open(still) as file:
            empty = not file.read(1)
    except MediaError as error:
        return error.message
    return "It is empty." if empty else "It is no picture of a kind that can be read."
