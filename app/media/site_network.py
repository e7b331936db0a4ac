"""The network as yt-dlp sees it: guarded connections and a budget of bytes.

yt-dlp sends all its requests through "request handlers". Only one is handed to it, its own on top of ``requests``, with
connections from :class:`~app.media.connections.GuardedPoolManager`; so pages, redirects, playlists, keys and pieces
are all checked where they connect. There is no handler for ``file:``, ``data:``, FTP or web sockets. Nothing is
patched: other threads of this process are not affected.
"""

from __future__ import annotations

import functools
from typing import Any

import yt_dlp
from yt_dlp.networking._requests import RequestsHTTPAdapter, RequestsRH, RequestsSession
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import HTTPError, ProxyError
from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor

from app.errors import TooLargeError
from app.media.addresses import Guard
from app.media.connections import GuardedPoolManager
from app.media.cookies import keep_at_home
from app.media.pace import Pace

NO_PROGRAM = "/nonexistent"
"""Where yt-dlp is told to look for FFmpeg."""

PAGE_BYTES = 32 * 1024 * 1024
"""Largest page that is read into memory."""


class Budget:
    """Counts what comes in, and slows it down where asked to; one for a whole download.

    Args:
        max_bytes: Largest file.
        pace: Keeps to a limit of speed.

    Attributes:
        failure: Set when the limit was passed; kept because libraries swallow exceptions.
        piece: Most bytes to read at once.
    """

    def __init__(self, max_bytes: int, pace: Pace | None = None) -> None:
        self._max_bytes = max_bytes
        self._pace = pace or Pace(None)
        self.piece = self._pace.piece
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
        self._pace.spend(count)

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

    def __init__(self, inner: Any, budget: Budget, guard: Guard) -> None:
        super().__init__(fp=inner.fp, headers=inner.headers, url=inner.url, status=inner.status, reason=inner.reason)
        self._inner = inner
        self._budget = budget
        self._guard = guard

    def read(self, amt: int | None = None) -> bytes:
        """Called by yt-dlp: ``amt`` bytes of a file, or the whole of a page."""
        if amt is None:
            return self._read_page()
        data: bytes = self._inner.read(min(amt, self._budget.piece))
        self._budget.spend(len(data))
        self._guard.check()
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
        """Called by ``requests``."""
        self.poolmanager = GuardedPoolManager(
            self._guard, num_pools=connections, maxsize=maxsize, block=block, **settings, **self._pm_args
        )

    def proxy_manager_for(self, *_: Any, **__: Any) -> Any:
        """Called by ``requests`` where a site wants a proxy."""
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
        self._guard.check()
        try:
            inner = super()._send(request)
        except HTTPError as error:
            error.response = _BoundedResponse(error.response, self._budget, self._guard)
            raise
        length = inner.headers.get("Content-Length", "")
        if length.isdecimal():
            self._budget.expect(int(length))
        return _BoundedResponse(inner, self._budget, self._guard)


class GuardedYoutubeDL(yt_dlp.YoutubeDL):  # type: ignore[misc]  # yt-dlp has no types
    """yt-dlp on guarded connections.

    Args:
        options: yt-dlp's own.
        guard: Opens the connections.
        budget: Limits the bytes.
    """

    def __init__(self, options: dict[str, Any], guard: Guard, budget: Budget) -> None:
        self._only_handler = functools.partial(_GuardedRH, guard=guard, budget=budget)
        FFmpegPostProcessor._ffmpeg_location.set(NO_PROGRAM)  # of this thread; else it is looked for in PATH
        super().__init__(options)
        keep_at_home(self.cookiejar)

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        """Called by yt-dlp; whatever handlers it would like, it gets ours."""
        return super().build_request_director([self._only_handler], preferences)
