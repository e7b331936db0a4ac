"""Says in plain words what can go wrong when something is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    InvalidChunkLength,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from app.errors import FetchError
from app.media.addresses import Guard

BROKEN_OFF = "The connection broke off before the whole file had come."
_TOO_SLOW = "The site did not answer in time."

_STATUS_TEXTS = {
    401: "The site asks for a password, so this cannot be fetched (status 401).",
    403: "The site refuses to hand this out (status 403). It may be private or need a login.",
    404: "There is nothing at this address (status 404).",
    410: "What was at this address has been removed (status 410).",
    429: "The site says that we ask too often (status 429). Try again later.",
    451: "The site may not hand this out for legal reasons (status 451).",
}


class RangeRefusedError(FetchError):
    """The rest of a file was asked for and cannot be had; its whole may."""


def status_error(status: int) -> FetchError | None:
    """What a bad HTTP status means; ``None`` for a good one."""
    if 200 <= status < 300:
        return None
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return RangeRefusedError("The site does not have the part of the file that was asked for (status 416).")
    if status in _STATUS_TEXTS:
        return FetchError(_STATUS_TEXTS[status], retryable=status == 429)
    if status >= 500 or status in (408, 425):
        return FetchError(f"The site has a problem of its own (status {status}). Try again later.", retryable=True)
    return FetchError(f"The site does not hand this out (status {status}).")


@contextmanager
def plain_words(url: str, guard: Guard) -> Iterator[None]:
    """Translates urllib3's errors.

    Args:
        url: What is being fetched.
        guard: Tells whether time was up.

    Raises:
        FetchError: Instead of urllib3's own errors.
        AppError: What the guard's ``stop`` raised, where that is the reason.
    """
    host = urlsplit(url).hostname or ""
    try:
        with _stopped_first(guard):
            yield
    except NameResolutionError as error:
        raise FetchError(f"The address {host} does not exist or cannot be looked up now.", retryable=True) from error
    except NewConnectionError as error:
        raise FetchError(f"No connection to {host} could be made.", retryable=True) from error
    except (ConnectTimeoutError, ReadTimeoutError) as error:
        raise FetchError(_TOO_SLOW, retryable=True) from error
    except SSLError as error:
        raise FetchError(f"The identity of {host} could not be verified: its certificate is wrong.") from error
    except LocationParseError as error:
        raise FetchError("This is not a valid web address.") from error
    except (IncompleteRead, InvalidChunkLength, ProtocolError, HTTPError) as error:
        raise FetchError(_TOO_SLOW if guard.expired else BROKEN_OFF, retryable=True) from error


@contextmanager
def _stopped_first(guard: Guard) -> Iterator[None]:
    """Where a download was stopped, whatever else went wrong came of that."""
    try:
        yield
    except (HTTPError, OSError):
        guard.check()
        raise
