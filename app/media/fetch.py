"""Fetches a file from an address that a stranger gave, within bounds of place, size and time."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from urllib3 import BaseHTTPResponse, Timeout

from app.errors import FetchError, TooLargeError
from app.media.addresses import Guard, parse_address
from app.media.connections import GuardedPoolManager, tls_context
from app.media.fetch_errors import BROKEN_OFF, RangeRefusedError, plain_words, status_error

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have come and the bytes that are to come in all, ``None`` where unknown."""

CHUNK_BYTES = 256 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"User-Agent": "Mozilla/5.0 (compatible; FAAAAACES)", "Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that was fetched.

    Attributes:
        path: Where it lies.
        size: Bytes.
        url: Where it came from in the end, after redirects.
        content_type: What the server called it, in lower case without parameters; empty where it did not say.
        file_name: What the server or the address called it: a bare name to show, not to be used as a path.
    """

    path: Path
    size: int
    url: str
    content_type: str
    file_name: str


class Answer:
    """The answer to a request, its body still on the way.

    Attributes:
        url: Where it came from, after redirects.
        content_type: In lower case, without parameters; empty where the server did not say.
        length: Bytes to come as the server says, or ``None``.
        offset: Where in the file the body begins; 0 unless a part was asked for and the server gives parts.
        mark: What tells this version of the file from others (strong ETag or date), or ``None``.
        file_name: A bare name to show.
    """

    def __init__(self, url: str, response: BaseHTTPResponse, max_bytes: int, guard: Guard) -> None:
        self.url = url
        self.content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self.file_name = _file_name(url, response.headers.get("Content-Disposition", ""))
        self.length = _length(response)
        self.offset = _offset(response)
        self.mark = _mark(response)
        self._response = response
        self._max_bytes = max_bytes
        self._guard = guard

    def chunks(self, progress: Progress | None = None) -> Iterator[bytes]:
        """Yields the body piece by piece.

        Args:
            progress: Told about every piece.

        Raises:
            TooLargeError: There is more than allowed.
            FetchError: The connection broke off or became too slow.
        """
        if self.length is not None and self.offset + self.length > self._max_bytes:
            raise _too_large(self._max_bytes)
        received = 0
        with plain_words(self.url, self._guard):
            # read1 gives what has come; read would wait for a full piece from a server that drips
            while chunk := self._response.read1(CHUNK_BYTES, decode_content=True):
                received += len(chunk)
                if self.offset + received > self._max_bytes:
                    raise _too_large(self._max_bytes)
                if progress is not None:
                    progress(received, self.length)
                yield chunk
        if self._guard.expired or (self.length is not None and received < self.length):
            raise FetchError(BROKEN_OFF, retryable=True)


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
    ) -> None:
        self._max_bytes = max_bytes
        self._allowed_hosts = tuple(allowed_hosts)
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._max_seconds = max_seconds
        self._max_redirects = max_redirects
        self._tls = tls

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
            Guard(self._allowed_hosts, self._max_seconds, self._connect_timeout) as guard,
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
                        answer = Answer(target, response, self._max_bytes, guard)
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
        with plain_words(url, guard):
            return pool.request(
                "GET",
                url,
                headers=headers,
                redirect=False,
                preload_content=False,
                timeout=Timeout(connect=self._connect_timeout or self._timeout, read=self._timeout),
            )


def save_answer(answer: Answer, path: Path, progress: Progress | None = None) -> FetchedFile:
    """Writes an answer's body to disk; after a failure nothing is left of it.

    Raises:
        FetchError: The connection broke off.
        TooLargeError: There is more than allowed.
    """
    size = 0
    try:
        with path.open("wb") as file:
            for chunk in answer.chunks(progress):
                size += file.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return FetchedFile(path, size, answer.url, answer.content_type, answer.file_name)


def _too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(f"The file is larger than the {max_bytes / 1e6:g} MB that are allowed.", max_bytes)


def _length(response: BaseHTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return None  # the length of the packed bytes says nothing about the file's
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _range(offset: int, mark: str | None) -> dict[str, str]:
    if not offset:
        return {}
    return {"Range": f"bytes={offset}-"} | ({"If-Range": mark} if mark else {})


def _offset(response: BaseHTTPResponse) -> int:
    """First byte of a partial answer (RFC 9110, 14.4)."""
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return 0
    found = re.match(r"bytes ([0-9]{1,18})-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else -1


def _mark(response: BaseHTTPResponse) -> str | None:
    """What may stand in ``If-Range``: an ETag unless it is a weak one, else the date of the last change."""
    etag = response.headers.get("ETag", "")
    return (etag if etag.startswith('"') else None) or response.headers.get("Last-Modified") or None


def _file_name(url: str, disposition: str) -> str:
    message = Message()
    message["Content-Disposition"] = disposition or "attachment"
    name = message.get_filename() or unquote(urlsplit(url).path)
    name = PurePosixPath(name.replace("\\", "/")).name
    return "".join(character for character in name if character.isprintable())[:200]
