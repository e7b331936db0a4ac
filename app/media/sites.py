"""yt-dlp, tied down: every connection goes through the guard, nothing runs, nothing is read from this machine.

How it is tied: yt-dlp sends all its requests through "request handlers". Only one is handed to it, yt-dlp's own on top
of ``requests``, with connections from :class:`~app.media.connections.GuardedPoolManager`; so pages, redirects,
playlists, keys and fragments are all checked where they connect. There is no handler for ``file:``, ``data:``, FTP
or web sockets, formats that another program would fetch (RTMP, RTSP, FFmpeg) are not selected, FFmpeg is not to be
found, and neither settings, cookies, plug-ins nor a cache of the user are read.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yt_dlp
import yt_dlp.globals
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.networking._requests import RequestsHTTPAdapter, RequestsRH, RequestsSession
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import HTTPError, ProxyError

from app.errors import FetchError, TooLargeError
from app.media.addresses import Guard
from app.media.connections import GuardedPoolManager
from app.media.fetch import Progress

logger = logging.getLogger(__name__)

yt_dlp.globals.plugin_dirs.value = []  # plug-ins of whoever runs the server have no place in it

PAGE_BYTES = 32 * 1024 * 1024
"""Largest page that is read into memory."""

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


class Budget:
    """Counts what comes in; one for a whole download.

    Attributes:
        failure: Set when the limit was passed; kept because libraries swallow exceptions.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        # pages come on top of the video
        self._left = max_bytes + 2 * PAGE_BYTES
        self.failure: TooLargeError | None = None

    def spend(self, count: int) -> None:
        """Notes bytes that have come.

        Raises:
            TooLargeError: That was too much.
        """
        self._left -= count
        if self._left < 0:
            self.fail()

    def expect(self, count: int) -> None:
        """Notes the length that a file will have.

        Raises:
            TooLargeError: It is too much.
        """
        if count > self._max_bytes:
            self.fail()

    def fail(self) -> None:
        """Ends the download.

        Raises:
            TooLargeError: Always.
        """
        limit = f"{self._max_bytes / 1e6:g} MB"
        self.failure = TooLargeError(f"The file is larger than the {limit} that are allowed.", self._max_bytes)
        raise self.failure


class _BoundedResponse(Response):  # type: ignore[misc]  # yt-dlp has no types
    """An answer that cannot fill memory or disk."""

    def __init__(self, inner: Any, budget: Budget) -> None:
        super().__init__(fp=inner.fp, headers=inner.headers, url=inner.url, status=inner.status, reason=inner.reason)
        self._inner = inner
        self._budget = budget

    def read(self, amt: int | None = None) -> bytes:
        if amt is None:
            return self._read_page()
        data: bytes = self._inner.read(amt)
        self._budget.spend(len(data))
        return data

    def _read_page(self) -> bytes:
        parts, size = [], 0
        while part := self.read(64 * 1024):
            parts.append(part)
            size += len(part)
            if size > PAGE_BYTES:
                self._budget.fail()
        return b"".join(parts)


class _Adapter(RequestsHTTPAdapter):  # type: ignore[misc]  # yt-dlp has no types
    def __init__(self, guard: Guard, **settings: Any) -> None:
        self._guard = guard
        super().__init__(**settings)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **settings: Any) -> None:
        self.poolmanager = GuardedPoolManager(
            self._guard, num_pools=connections, maxsize=maxsize, block=block, **settings, **self._pm_args
        )

    def proxy_manager_for(self, *_: Any, **__: Any) -> Any:
        raise ProxyError("proxies are not used")  # one would connect past the guard


class _GuardedRH(RequestsRH):  # type: ignore[misc]  # yt-dlp has no types
    """yt-dlp's request handler on guarded connections."""

    def __init__(self, *args: Any, guard: Guard, budget: Budget, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard
        self._budget = budget

    def _create_instance(self, cookiejar: Any, legacy_ssl_support: Any = None) -> Any:
        session = RequestsSession()
        adapter = _Adapter(self._guard, ssl_context=self._make_sslcontext(legacy_ssl_support=legacy_ssl_support))
        session.adapters.clear()
        session.headers.clear()
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        session.cookies = cookiejar
        session.trust_env = False
        return session

    def _send(self, request: Any) -> Any:
        try:
            inner = super()._send(request)
        except HTTPError as error:
            error.response = _BoundedResponse(error.response, self._budget)
            raise
        length = inner.headers.get("Content-Length", "")
        if length.isdecimal():
            self._budget.expect(int(length))
        return _BoundedResponse(inner, self._budget)


class _GuardedYoutubeDL(yt_dlp.YoutubeDL):  # type: ignore[misc]  # yt-dlp has no types
    def __init__(self, options: dict[str, Any], guard: Guard, budget: Budget) -> None:
        self._only_handler = functools.partial(_GuardedRH, guard=guard, budget=budget)
        super().__init__(options)

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        return super().build_request_director([self._only_handler], preferences)


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
    with _GuardedYoutubeDL(_options(target, timeout, hooks), guard, budget) as downloader:
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
