"""What lies in a folder: videos, and sets of pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.media.stills import PICTURE_SUFFIXES

VIDEO_SUFFIXES = frozenset(
    [
        ".mp4",
        ".m4v",
        ".mov",
        ".qt",
        ".mkv",
        ".webm",
        ".avi",
        ".divx",
        ".ts",
        ".m2ts",
        ".mts",
        ".mpg",
        ".mpeg",
        ".m2v",
        ".wmv",
        ".asf",
        ".flv",
        ".f4v",
        ".3gp",
        ".3g2",
        ".ogv",
        ".ogm",
        ".mjpeg",
        ".mxf",
        ".vob",
        ".dv",
        ".rm",
        ".rmvb",
        ".y4m",
        ".ivf",
        ".h264",
        ".hevc",
    ]
)
ARCHIVE_SUFFIXES = frozenset({".zip"})
PARTIAL_SUFFIXES = frozenset({".part", ".crdownload", ".tmp", ".temp", ".partial", ".download", ".opdownload", ".ytdl"})


@dataclass(slots=True)
class FolderContents:
    """What was found; everything sorted.

    Attributes:
        videos: Files that look like videos, animations or ZIP files of pictures, one submission each.
        pictures: For each folder the pictures that lie in it; together they are one set.
    """

    videos: list[Path] = field(default_factory=list)
    pictures: dict[Path, list[Path]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.videos or self.pictures)


def look_into(folder: Path, *, recursive: bool = True) -> FolderContents:
    """Finds what may be added, by the names of files; hidden ones and half-written downloads are left out.

    Links to folders are not followed, so a circle of them has an end.
    """
    found = FolderContents()
    for path in _walk(folder, recursive):
        if is_picture_name(path):
            found.pictures.setdefault(path.parent, []).append(path)
        elif is_video_name(path):
            found.videos.append(path)
    return found


def is_video_name(path: Path) -> bool:
    """Whether a file is one submission of its own, by its name: a video, a GIF, which may move, or a ZIP file."""
    return path.suffix.lower() in VIDEO_SUFFIXES | ARCHIVE_SUFFIXES | {".gif"} and not is_passed_over(path)


def is_picture_name(path: Path) -> bool:
    """Whether a file is one of a set of pictures, by its name."""
    return path.suffix.lower() in PICTURE_SUFFIXES - {".gif"} and not is_passed_over(path)


def is_passed_over(path: Path) -> bool:
    """Whether a file's own name says that it is hidden or not yet complete."""
    return path.name.startswith((".", "~")) or not PARTIAL_SUFFIXES.isdisjoint(path.suffixes)


def _walk(folder: Path, recursive: bool) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        for name in sorted(files):
            path = Path(place, name)
            if path.is_file():
                yield path
