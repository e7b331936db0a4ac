"""Tells files that are protected against copying, which FFmpeg opens and then finds full of noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.errors import EncryptedMediaError

PROTECTED = (
    "This video is protected against copying (DRM), so its pictures cannot be read. Use a copy without protection."
)
_ENCRYPTED_ENTRIES = frozenset({b"encv", b"drmi"})  # ISO 23001-7 and Apple's FairPlay
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_MAX_BOXES = 20_000
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROTECTION = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),  # Content Encryption Object
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),  # Extended Content Encryption Object
)
_BEGINNING = 1 << 20
_PACKET = 188


def refuse_protected(path: Path) -> None:
    """Looks at what a file says about its own protection: MP4 and QuickTime, Windows Media, transport streams.

    Args:
        path: A file that is there and not empty.

    Raises:
        EncryptedMediaError: Its pictures are encrypted.
    """
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING)
        size = file.seek(0, 2)
        if beginning[4:8] in (b"ftyp", b"moov", b"styp", b"wide", b"mdat"):
            protected = _has_encrypted_entry(file, size)
        elif beginning.startswith(_ASF):
            protected = any(mark in beginning for mark in _ASF_PROTECTION)
        else:
            protected = _is_scrambled(beginning)
    if protected:
        raise EncryptedMediaError(PROTECTED)


def _has_encrypted_entry(file: BinaryIO, size: int) -> bool:
    return any(kind in _ENCRYPTED_ENTRIES for kind in _sample_entries(file, size))


def _sample_entries(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The four letters of each sample description of an MP4 file, at most a few."""
    waiting = [(0, size)]
    seen = 0
    while waiting:
        position, end = waiting.pop()
        while position + 8 <= end and seen < _MAX_BOXES:
            seen += 1
            file.seek(position)
            head = file.read(16)
            length, begin = int.from_bytes(head[:4], "big"), 8
            if length == 1:
                length, begin = int.from_bytes(head[8:16], "big"), 16
            elif length == 0:
                length = end - position
            if length < begin:
                break
            kind = head[4:8]
            if kind in _CONTAINERS:
                waiting.append((position + begin, min(position + length, end)))
            elif kind == b"stsd":
                file.seek(position + begin + 8)  # past version, flags and the number of entries
                yield file.read(8)[4:8]
            position += length


def _is_scrambled(beginning: bytes) -> bool:
    """Whether most packets of a transport stream carry the mark of scrambling (ISO 13818-1, 2.4.3.3)."""
    for first, step in ((0, _PACKET), (4, _PACKET + 4)):  # the second: with a time in front of each packet, as m2ts
        packets = [beginning[at : at + 4] for at in range(first, len(beginning) - _PACKET, step)]
        if len(packets) >= 5 and all(packet[0] == 0x47 for packet in packets):
            full = [packet for packet in packets if packet[1] & 0x1F != 0x1F or packet[2] != 0xFF]
            return 2 * sum(bool(packet[3] & 0x80) for packet in full) > len(full)
    return False
