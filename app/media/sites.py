"""yt-dlp, tied down: every connection is guarded, nothing is started, nothing is read from this machine.

Formats that another program would fetch (RTMP, RTSP, FFmpeg) are neither selected nor fetched. How its connections are
guarded: ``site_network.py``; what it is told: ``site_options.py``.
"""

from __future__ import annotations

import logging
import ssl
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from yt_dlp.downloader import get_suitable_downloader
from yt_dlp.downloader.dash import DashSegmentsFD
from yt_dlp.downloader.hls import HlsFD
from yt_dlp.downloader.http import HttpFD
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.utils import YoutubeDLError
from yt_dlp.version import __version__

from app.errors import FetchError
from app.media.addresses import Guard
from app.media.answer import Progress
from app.media.download_options import DownloadOptions
from app.media.ffmpeg import container_for, merge
from app.media.site_details import SiteDetails, refuse_unwanted, site_details
from app.media.site_errors import NOTHING_FOUND, translate
from app.media.site_network import Budget, GuardedYoutubeDL
from app.media.site_options import site_options

logger = logging.getLogger(__name__)

_DOWNLOADERS = frozenset({HttpFD, HlsFD, DashSegmentsFD})
"""All that fetch by themselves, through guarded connections."""


MOST_PATIENCE = 60.0
"""Seconds that are waited for a site that says when its file will be there."""

_ACCIDENTS = (
    *(ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError, RecursionError),
    *(struct.error, zlib.error, HTTPException, ConnectionError, TimeoutError, ssl.SSLError),
)
"""What odd answers of a site make yt-dlp raise besides its own errors, such as for a key of the wrong length."""


@dataclass(frozen=True, slots=True)
class SiteVideo:
    """A video as a site gave it.

    Attributes:
        path: Where it lies.
        details: What the site says about it.
    """

    path: Path
    details: SiteDetails


def yt_dlp_version() -> str:
    """Version of yt-dlp: the day on which it was published, such as ``2026.10.26``."""
    return str(__version__)


def has_own_extractor(url: str) -> bool:
    """Whether yt-dlp knows the site of an address by name. No request is made."""
    return any(kind.suitable(url) for kind in gen_extractor_classes() if kind.IE_NAME != "generic")


@contextmanager
def plain_errors(guard: Guard, budget: Budget) -> Iterator[None]:
    """Says in plain words what went wrong with yt-dlp.

    Raises:
        ForbiddenAddressError: The page led to an address that is not public.
        TooLargeError: The budget was passed.
        FetchError: Anything else that yt-dlp raised, and time being up.
        AppError: What the guard's ``stop`` raised.
    """
    try:
        yield
    except YoutubeDLError as error:
        guard.check()
        if guard.refused is not None:
            raise guard.refused from error
        if budget.failure is not None:
            raise budget.failure from error
        raise translate(error, timed_out=guard.expired) from error
    except _ACCIDENTS as error:
        guard.check()
        logger.warning("yt-dlp stumbled", extra={"error": type(error).__name__})
        logger.debug("yt-dlp stumbled here", exc_info=error)  # may hold addresses with keys in them
        raise translate(error, timed_out=guard.expired) from error
    guard.check()
    if guard.expired:
        raise translate(TimeoutError(), timed_out=True)


def fetch_from_site(
    url: str,
    folder: Path,
    guard: Guard,
    budget: Budget,
    options: DownloadOptions,
    progress: Progress | None,
    item: int = 1,
) -> SiteVideo:
    """Fetches one video of a page.

    Args:
        url: The page.
        folder: An empty folder for the files.
        guard: Opens the connections.
        budget: Limits the bytes.
        options: What to choose, and what to refuse.
        progress: Told about every piece.
        item: Which of the page's videos, from 1.

    Returns:
        The video; the file is complete.

    Raises:
        AppError: It cannot be fetched; see :func:`plain_errors`.
    """
    with (
        plain_errors(guard, budget),
        GuardedYoutubeDL(site_options(options, folder, str(item)), guard, budget) as downloader,
    ):
        info = first_video(downloader.extract_info(url, download=False))
        if info is None:
            raise FetchError(NOTHING_FOUND)
        refuse_unwanted(info, options.max_duration, options.max_bytes)
        counter = _Counter(budget, progress)
        downloader.add_progress_hook(counter.hook)
        paths = [
            _fetch_part(downloader, {**info, **part}, folder / f"part-{index}", guard)
            for index, part in enumerate(info.get("requested_formats") or [info])
        ]
        path, extension = _join(paths, info, folder, options, guard)
    return SiteVideo(path, site_details(info, url, extension))


def first_video(info: dict[str, Any] | None) -> dict[str, Any] | None:
    """The first video in what yt-dlp found, which may be a list of lists."""
    while info and info.get("entries") is not None:
        info = next((entry for entry in info["entries"] if entry), None)
    return info or None


def _fetch_part(downloader: GuardedYoutubeDL, wanted: dict[str, Any], target: Path, guard: Guard) -> Path:
    wanted.pop("requested_formats", None)
    # Some sites give a file only after some seconds. yt-dlp would sleep through a cancellation.
    seconds = float(wanted.pop("available_at", None) or 0.0) - time.time()
    guard.pause(min(seconds, MOST_PATIENCE))
    guard.check()
    if get_suitable_downloader(dict(wanted), downloader.params) not in _DOWNLOADERS:
        raise FetchError(NOTHING_FOUND)
    downloader.dl(str(target), wanted)
    if not target.is_file() or target.stat().st_size == 0:
        raise FetchError(NOTHING_FOUND)
    return target


def _join(
    paths: list[Path], info: dict[str, Any], folder: Path, options: DownloadOptions, guard: Guard
) -> tuple[Path, str | None]:
    if len(paths) == 1:
        return paths[0], None
    if options.ffmpeg is None or len(paths) != 2:
        raise FetchError(NOTHING_FOUND)
    container = container_for(*(str(part.get("ext")) for part in info["requested_formats"]))
    merge(options.ffmpeg, paths[0], paths[1], folder / "merged", container, guard.check)
    return folder / "merged", container


class _Counter:
    """Adds up the bytes of pictures and sound, which come one after the other."""

    def __init__(self, budget: Budget, progress: Progress | None) -> None:
        self._budget = budget
        self._progress = progress
        self._before = 0

    def hook(self, status: dict[str, Any]) -> None:
        done = self._before + int(status.get("downloaded_bytes") or 0)
        total = status.get("total_bytes") or status.get("total_bytes_estimate")
        self._budget.expect(done)
        if status.get("status") == "finished":
            self._before = done
        elif self._progress is not None and status.get("status") == "downloading":
            self._progress(done, self._before + int(total) if total else None)
