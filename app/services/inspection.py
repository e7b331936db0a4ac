"""Looks at a file before it is filed: what it is, and whether it can and may be looked through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.config import Settings
from app.domain import MediaKind, VideoInfo
from app.media.archives import check_archive
from app.media.probe import ProbeLimits, probe
from app.media.sniff import FileKind, kind_of
from app.media.stills import FileStills, Still, read_still


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file is.

    Attributes:
        kind: Moving pictures or stills.
        info: Size, duration and so on of moving pictures.
    """

    kind: MediaKind
    info: VideoInfo | None = None


def inspect_file(settings: Settings, path: Path) -> Inspection:
    """Looks at a file by its content, not by its name.

    A video has to give its first frame, a picture all of its pixels, a ZIP file at least one picture.

    Args:
        settings: The settings, for their limits.
        path: A file on this machine.

    Raises:
        MediaError: It cannot be looked through; each reason has a class, a code and a sentence of its own.
        TooLargeError: A picture has too many pixels, or a ZIP file holds too much.
    """
    kind = kind_of(path) if path.is_file() else FileKind.OTHER
    if kind is FileKind.ARCHIVE:
        check_archive(path)
        return Inspection(MediaKind.PICTURES)
    if kind is FileKind.PICTURE:
        read_still(FileStills([(path.name, path)]), Still(path.name, path=path), max_pixels(settings))
        return Inspection(MediaKind.PICTURES)
    return Inspection(MediaKind.VIDEO, probe(path, probe_limits(settings)))


def probe_limits(settings: Settings) -> ProbeLimits:
    """What the settings allow of a video."""
    minutes = settings.max_duration_minutes
    return ProbeLimits(max_seconds=minutes * 60 if minutes else None, max_pixels=max_pixels(settings))


def max_pixels(settings: Settings) -> int:
    """Most pixels that a frame or a picture may have."""
    return round(settings.max_frame_megapixels * 1_000_000)
