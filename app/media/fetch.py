"""Fetches a file from an address that a stranger gave, within bounds of place, size and time."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse, Timeout

from app.errors import FetchError
from app.media.addresses import Guard, parse_address
from app.media.answer import Answer, FetchedFile, Progress, save_answer
from app.media.connections import GuardedPoolManager, tls_context
from app.media.fetch_errors import RangeRefusedError, plain_words, status_error

__all__ = ["Answer", "FetchedFile", "Progress", "SafeFetcher", "save_answer"]

CookiesFor = Callable[[str], str | None]
"""Given an address, what the ``Cookie`` header for it shall be; ``None`` for none."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"User-Agent": "Mozilla/5.0 (compatible; FAAAAACES)", "Accept": "*/*", "Accept-Encoding": "identity"}


class SafeFetcher:
    """Fetches from public addresses only.

    Args:
        max_bytes: Largest body.
        allowed_hosts: Hosts that may be private.
        timeout: Seconds to wait for a connection and for every piece.
        connect_timeout: Seconds to wait for a connection, the look-up of the name included, where that is to be less.
        max_seconds: Seconds for the whole.
        max_redirects: How often the server may send us elsewhere; every new address is checked like the first.
        tls: Which certificates count; the well-known authorities' when ``None``.
        rate_limit: Bytes per second; ``None`` for as fast as it goes.
        cookies: The cookies for an address; asked anew for each redirect, so that they go only where they belong.
        stop: Called several times a second, from a thread; an AppError from it ends the download.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        allowed_hosts: Iterable[str] = (),
        timeout: float = 20.0,
        connect_timeout: float | None = None,
        max_seconds: float = 3600.0,
        max_redirects: int = 5,
        tls: ssl.SSLContext | None = None,
        rate_limit: int | None = None,
        cookies: CookiesFor | None = None,
        stop: Callable[[], None] | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._allowed_hosts = tuple(allowed_hosts)
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._max_seconds = max_seconds
        self._max_redirects = max_redirects
        self._tls = tls
        self._rate_limit = rate_limit
        self._cookies = cookies
        self._stop = stop

    @contextmanager
    def open(self, url: str, *, offset: int = 0, mark: str | None = None) -> Iterator[Answer]:
        """Asks for an address.

        Args:
            url: ``http`` or ``https``.
            offset: Byte at which the answer is to begin. A server may answer with the whole file nevertheless.
            mark: :attr:`Answer.mark` of the version whose rest is wanted; of another one the whole comes.

        Yields:
            The answer, good (status 2xx); its body can be read while the block lasts.

        Raises:
            ForbiddenAddressError: The address, or one that it redirects to, is not public.
            FetchError: It cannot be fetched; the message says why, ``retryable`` whether it may work later.
        """
        with (
            Guard(self._allowed_hosts, self._max_seconds, self._connect_timeout, self._stop) as guard,
            GuardedPoolManager(guard, retries=False, ssl_context=self._tls or tls_context()) as pool,
        ):
            headers = _HEADERS | _range(offset, mark)
            for _ in range(self._max_redirects + 1):
                target = str(parse_address(url))
                response = self._get(pool, target, guard, headers)
                try:
                    if response.status not in _REDIRECTS:
                        if (failure := status_error(response.status)) is not None:
                            raise failure
                        answer = Answer(target, response, self._max_bytes, guard, self._rate_limit)
                        if answer.offset not in (0, offset):
                            raise RangeRefusedError(
                                "The site answered with another part of the file than was asked for."
                            )
                        yield answer
                        return
                    location = response.headers.get("Location")
                finally:
                    response.close()
                if not location:
                    raise FetchError("The site sends us on, but does not say where to.")
                url = urljoin(target, location)
            raise FetchError("The site sends us round in circles.")

    def save(self, url: str, path: Path, progress: Progress | None = None) -> FetchedFile:
        """Fetches a file to disk; after a failure nothing is left of it.

        Raises:
            ForbiddenAddressError: The address, or one that it redirects to, is not public.
            FetchError: It cannot be fetched.
            TooLargeError: It is larger than allowed.
        """
        with self.open(url) as answer:
            return save_answer(answer, path, progress)

    def read(self, url: str) -> bytes:
        """Fetches a small file into memory; raises like :meth:`save`."""
        with self.open(url) as answer:
            return b"".join(answer.chunks())

    def _get(self, pool: GuardedPoolManager, url: str, guard: Guard, headers: Mapping[str, str]) -> BaseHTTPResponse:
        cookie = self._cookies(url) if self._cookies is not None else None
        with plain_words(url, guard):
            return pool.request(
                "GET",
                url,
                headers={**headers, "Cookie": cookie} if cookie else headers,
                redirect=False,
                preload_content=False,
                timeout=Timeout(connect=self._connect_timeout or self._timeout, read=self._timeout),
            )


def _range(offset: int, mark: str | None) -> dict[str, str]:
    if not offset:
        return {}
    return {"Range": f"bytes={offset}-"} | ({"If-Range": mark} if mark else {})
