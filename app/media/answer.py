"""The answer of a site, its body still on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from urllib3 import BaseHTTPResponse

from app.errors import FetchError, TooLargeError
from app.media.addresses import Guard
from app.media.fetch_errors import BROKEN_OFF, plain_words
from app.media.pace import Pace

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have come and the bytes that are to come in all, ``None`` where unknown."""


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

    def __init__(
        self, url: str, response: BaseHTTPResponse, max_bytes: int, guard: Guard, rate_limit: int | None = None
    ) -> None:
        self.url = url
        self.content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self.file_name = _file_name(url, response.headers.get("Content-Disposition", ""))
        self.length = _length(response)
        self.offset = _offset(response)
        self.mark = _mark(response)
        self._response = response
        self._max_bytes = max_bytes
        self._guard = guard
        self._pace = Pace(rate_limit, guard.pause)

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
            while chunk := self._response.read1(self._pace.piece, decode_content=True):
                received += len(chunk)
                if self.offset + received > self._max_bytes:
                    raise _too_large(self._max_bytes)
                if progress is not None:
                    progress(received, self.length)
                yield chunk
                self._pace.spend(len(chunk))
        self._guard.check()
        if self._guard.expired or (self.length is not None and received < self.length):
            raise FetchError(BROKEN_OFF, retryable=True)


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


def _is_packed(response: BaseHTTPResponse) -> bool:
    return response.headers.get("Content-Encoding", "identity").lower() != "identity"


def _length(response: BaseHTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    if _is_packed(response):
        return None  # the length of the packed bytes says nothing about the file's
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _offset(response: BaseHTTPResponse) -> int:
    """First byte of a partial answer (RFC 9110, 14.4); -1 for one that cannot be used."""
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return 0
    found = re.match(r"bytes ([0-9]{1,18})-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found and not _is_packed(response) else -1


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
