"""yt-dlp, tied down: every connection is guarded, nothing is started, nothing is read from this machine.

Formats that another program would fetch (RTMP, RTSP, FFmpeg) are not selected, FFmpeg is not to be found, and neither
settings, cookies, plug-ins nor a cache of the user are read. How its connections are guarded: ``site_network.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yt_dlp
import yt_dlp.globals
from yt_dlp.extractor import gen_extractor_classes

from app.errors import FetchError
from app.media.addresses import Guard
from app.media.fetch import Progress
from app.media.site_network import Budget, GuardedYoutubeDL

logger = logging.getLogger(__name__)

yt_dlp.globals.plugin_dirs.value = []  # plug-ins of whoever runs the server have no place in it

_PROTOCOLS = "[protocol~='^(https?|m3u8_native|http_dash_segments)$']"
_FORMATS = "/".join(
    kind + _PROTOCOLS
    for kind in (
        # a file with pictures and sound; small ones come last, faces need pixels more than sound
        "b[height<=?1080][height>=?480]",
        "bv*[height<=?1080]",
        "b",
        "bv*",
    )
)


@dataclass(frozen=True, slots=True)
class SiteVideo:
    """A video as a site gave it.

    Attributes:
        path: Where it lies.
        title: Its title, or ``None``.
        uploader: Who published it, or ``None``.
        extension: What kind of file the site says it is, such as ``mp4``.
        url: Its page.
    """

    path: Path
    title: str | None
    uploader: str | None
    extension: str
    url: str


class _Log:
    """Where yt-dlp's talk goes: it may hold addresses with keys in them, so it is kept off the normal log."""

    def debug(self, message: str) -> None:
        logger.debug("yt-dlp: %s", message)

    info = debug
    warning = debug
    error = debug


def has_own_extractor(url: str) -> bool:
    """Whether yt-dlp knows the site of an address by name. No request is made."""
    return any(kind.suitable(url) for kind in gen_extractor_classes() if kind.IE_NAME != "generic")


def fetch_from_site(
    url: str, target: Path, guard: Guard, budget: Budget, timeout: float, progress: Progress | None
) -> SiteVideo:
    """Fetches the one video of a page.

    Args:
        url: The page.
        target: Where the file shall lie.
        guard: Opens the connections.
        budget: Limits the bytes.
        timeout: Seconds to wait for every piece.
        progress: Told about every piece.

    Returns:
        The video; the file is complete.

    Raises:
        yt_dlp.utils.YoutubeDLError: yt-dlp's own failures, to be translated.
        AppError: A limit was passed, or the page has no video that can be fetched.
    """
    hooks = [_hook(budget, progress)]
    with GuardedYoutubeDL(_options(target, timeout, hooks), guard, budget) as downloader:
        info = downloader.extract_info(url, download=True)
    while info and info.get("entries") is not None:
        info = next(iter(info["entries"]), None)
    if not info or not target.is_file() or target.stat().st_size == 0:
        raise FetchError("No video was found at this address.")
    return SiteVideo(
        path=target,
        title=_title(info),
        uploader=_text(info.get("uploader") or info.get("channel")),
        extension=_text(info.get("ext")) or "mp4",
        url=_text(info.get("webpage_url")) or url,
    )


def _title(info: dict[str, Any]) -> str | None:
    title = _text(info.get("title"))
    if title and info.get("extractor_key") in ("Generic", "HTML5MediaEmbed"):
        return title.removesuffix(" (1)")  # yt-dlp counts the videos of a page
    return title


def _hook(budget: Budget, progress: Progress | None) -> Callable[[dict[str, Any]], None]:
    def hook(status: dict[str, Any]) -> None:
        done = int(status.get("downloaded_bytes") or 0)
        total = status.get("total_bytes") or status.get("total_bytes_estimate")
        budget.expect(done)
        if progress is not None and status.get("status") == "downloading":
            progress(done, int(total) if total else None)

    return hook


def _refuse_live(info: dict[str, Any], *, incomplete: bool = False) -> None:
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
        raise FetchError("This is a live broadcast. Fetch it once it is over.", retryable=True)


def _options(target: Path, timeout: float, hooks: Iterable[Callable[[dict[str, Any]], None]]) -> dict[str, Any]:
    return {
        "outtmpl": {"default": str(target).replace("%", "%%")},  # a fixed name: nothing from the site is in it
        "format": _FORMATS,
        "noplaylist": True,
        "playlist_items": "1",
        "match_filter": _refuse_live,
        "progress_hooks": list(hooks),
        "overwrites": True,
        "nopart": True,
        "continuedl": False,
        "updatetime": False,
        "socket_timeout": timeout,
        "retries": 2,
        "fragment_retries": 2,
        "extractor_retries": 1,
        "skip_unavailable_fragments": False,
        "proxy": "",
        "cachedir": False,
        "usenetrc": False,
        "enable_file_urls": False,
        "fixup": "never",
        "postprocessors": [],
        "hls_prefer_native": True,
        "ffmpeg_location": "/nonexistent",
        "color": "never",
        "quiet": True,
        "noprogress": True,
        "no_warnings": True,
        "logger": _Log(),
    }


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return "".join(character for character in value if character.isprintable()).strip()[:300] or None
