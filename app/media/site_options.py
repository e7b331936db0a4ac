"""The options that yt-dlp is run with: what it shall choose, and all that it must not do.

Neither settings, plug-ins nor a cache of the user are read, nothing is written beside the video, and no program is
started but the JavaScript runtime that ``javascript.py`` allows. FFmpeg is hidden from yt-dlp: it would let it open
addresses by itself.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import yt_dlp.globals

from app.media.cookies import read_cookies
from app.media.download_options import DownloadOptions
from app.media.javascript import choose_runtime
from app.media.site_network import NO_PROGRAM

logger = logging.getLogger(__name__)

yt_dlp.globals.plugin_dirs.value = []  # plug-ins of whoever runs the server have no place in it

_PROTOCOLS = "[protocol~='^(https?|m3u8_native|http_dash_segments)$']"


class _Log:
    """Where yt-dlp's talk goes: it may hold addresses with keys in them, so it is kept off the normal log."""

    def debug(self, message: str) -> None:
        logger.debug("yt-dlp: %s", message)

    info = debug
    warning = debug
    error = debug


def choose_formats(options: DownloadOptions) -> tuple[str, list[str]]:
    """Which of a site's formats to take, in yt-dlp's own words: a selection, and an order from best to worst.

    The picture comes first: the largest that is not too large, else the smallest of those that are. Among equals those
    without sound, which nobody listens to; in H.264, which is decoded quickest and played by all browsers; without HDR.
    """
    order = [f"res:{options.max_height}", "+hdr", "fps:30", "vcodec:h264"]
    if not options.sound:
        return f"bv*{_PROTOCOLS}", [order[0], "+hasaud", *order[1:]]
    both = f"b{_PROTOCOLS}/bv*{_PROTOCOLS}"
    if options.ffmpeg is None:
        return both, ["hasaud", *order]
    return f"bv*{_PROTOCOLS}+ba{_PROTOCOLS}/{both}", [*order, "acodec:m4a"]


def site_options(options: DownloadOptions, folder: Path, items: str = "1") -> dict[str, Any]:
    """yt-dlp's options.

    Args:
        options: Ours.
        folder: Where its files go.
        items: Which entries of a playlist are looked at, such as ``1`` or ``1:50``.

    Raises:
        ConfigError: There is no such file of cookies.
    """
    formats, order = choose_formats(options)
    runtime = choose_runtime(options.javascript)
    cookies = {"cookiefile": read_cookies(options.cookies_file)} if options.cookies_file is not None else {}
    return {
        **cookies,
        "outtmpl": {"default": "video"},  # a fixed name: nothing from the site is in it
        "paths": {"home": str(folder), "temp": str(folder)},
        "format": formats,
        "format_sort": order,
        "noplaylist": True,
        "playlist_items": items,
        "overwrites": True,
        "nopart": True,
        "continuedl": False,
        "updatetime": False,
        "socket_timeout": options.timeout,
        "retries": 2,
        "fragment_retries": 2,
        "extractor_retries": 1,
        "skip_unavailable_fragments": False,
        "proxy": "",
        "cachedir": False,
        "usenetrc": False,
        "enable_file_urls": False,
        "allow_unplayable_formats": False,
        "fixup": "never",
        "postprocessors": [],
        "hls_prefer_native": True,
        "ffmpeg_location": NO_PROGRAM,
        "js_runtimes": {runtime.name: {}} if runtime is not None else {},
        "remote_components": [],
        "color": "never",
        "quiet": True,
        "noprogress": True,
        "no_warnings": True,
        "logger": _Log(),
    }
