"""What videos a link stands for, where a person asked for all of them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.media.addresses import Guard, parse_address
from app.media.download_options import DownloadOptions, Stop, nobody_stops
from app.media.site_details import text, web_address
from app.media.site_network import Budget, GuardedYoutubeDL
from app.media.site_options import site_options
from app.media.sites import plain_errors

LIST_BYTES = 64 * 1024 * 1024
LIST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class PlaylistEntry:
    """One video of a playlist.

    Attributes:
        url: Its address.
        item: Which of the videos at this address it is, from 1; ``None`` where it is the only one.
        title: What the list calls it, or ``None``.
    """

    url: str
    item: int | None
    title: str | None


@dataclass(frozen=True, slots=True)
class Playlist:
    """Several videos under one address.

    Attributes:
        title: What the site calls the list, or ``None``.
        entries: Its videos, no more than were asked for.
        cut: Whether there are more of them.
    """

    title: str | None
    entries: tuple[PlaylistEntry, ...]
    cut: bool


def list_playlist(
    url: str, folder: Path, options: DownloadOptions, most: int, *, stop: Stop = nobody_stops
) -> Playlist | None:
    """Looks up the videos of a playlist, without fetching any of them.

    Args:
        url: ``http`` or ``https``.
        folder: Where a temporary folder may be made.
        options: As for the download.
        most: How many videos are listed at most.
        stop: As for the download.

    Returns:
        The playlist; ``None`` where the address stands for one video.

    Raises:
        AppError: As for the download.
    """
    address = str(parse_address(url))
    budget = Budget(LIST_BYTES)
    with (
        tempfile.TemporaryDirectory(prefix="list-", dir=folder) as work,
        Guard(options.allowed_hosts, min(LIST_SECONDS, options.max_seconds), stop=stop) as guard,
        plain_errors(guard, budget),
        GuardedYoutubeDL(_list_options(options, Path(work), most + 1), guard, budget) as downloader,
    ):
        info = downloader.extract_info(address, download=False)
    if not info or info.get("entries") is None:
        return None
    found = [entry for entry in info["entries"] if entry]
    page = web_address(info.get("webpage_url")) or address
    entries = tuple(_entry(entry, index, page) for index, entry in enumerate(found[:most], 1))
    return Playlist(text(info.get("title")), entries, len(found) > most) if entries else None


def _list_options(options: DownloadOptions, folder: Path, most: int) -> dict[str, Any]:
    return {
        **site_options(options, folder, f"1:{most}"),
        "noplaylist": False,
        "extract_flat": "in_playlist",
        "ignore_no_formats_error": True,  # of one entry; its own job will say so
    }


def _entry(entry: dict[str, Any], index: int, page: str) -> PlaylistEntry:
    title = text(entry.get("title"))
    address = web_address(entry.get("url")) if entry.get("_type") in ("url", "url_transparent") else None
    if address is not None:
        return PlaylistEntry(address, None, title)
    return PlaylistEntry(page, index, title)
