"""Says in plain words what yt-dlp's errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import GeoRestrictedError, UnsupportedError

from app.errors import FetchError
from app.media.fetch_errors import status_error

_PHRASES: tuple[tuple[str, str], ...] = (
    (r"not available (in|from) your (country|location|region)|geo.?(restrict|block)", "geo"),
    (r"private|members.only|only available to", "private"),
    (r"sign in|log ?in|password|cookies|account|registered users|premium|subscri|purchase|age.restrict", "login"),
    (r"removed|deleted|terminated|no longer available|does not exist|unavailable|not found", "removed"),
    (r"\bdrm\b", "drm"),
    (r"live event|premieres? in|not started|is not currently live", "live"),
    (r"requested format|no video formats|no video could|unsupported url|no media|ffmpeg", "unsupported"),
    (r"timed out|time-?out", "slow"),
    (r"bytes read|connection|incomplete|broken", "broken"),
)
_SENTENCES = {
    "geo": "The site does not show this video in the country where this server stands.",
    "private": "This video is private.",
    "login": "The site shows this video only after a login or payment.",
    "removed": "This video has been removed, or it never existed.",
    "drm": "This video is copy-protected and cannot be fetched.",
    "live": "This video is not over yet, or has not begun. Fetch it once it is over.",
    "unsupported": "No video that can be fetched was found at this address.",
    "slow": "The site did not answer in time.",
    "broken": "The connection broke off before the whole file had come.",
    "other": "The site did not hand out this video. It may have changed, or not want to be read by programs.",
}
_TYPES: tuple[tuple[type[BaseException], str], ...] = ((GeoRestrictedError, "geo"), (UnsupportedError, "unsupported"))
_RETRYABLE = frozenset({"live", "slow", "broken"})


def translate(error: BaseException, *, timed_out: bool = False) -> FetchError:
    """Says in plain words what an error of yt-dlp means.

    Args:
        error: What yt-dlp raised.
        timed_out: Whether the time for the whole download was up.

    Returns:
        The error to raise instead.
    """
    causes = list(_causes(error))
    text = " ".join(str(cause) for cause in causes).lower()
    refusal = status_error(_status(causes, text))
    if refusal is not None:
        return refusal
    kind = "slow" if timed_out else _kind(causes, text)
    return FetchError(_SENTENCES[kind], retryable=kind in _RETRYABLE)


def _status(causes: list[BaseException], text: str) -> int:
    """HTTP status behind an error, 200 where there is none. After several attempts only the text is left of it."""
    for cause in causes:
        if isinstance(cause, HTTPError):
            return int(cause.status)
    told = re.search(r"http error (\d{3})", text)
    return int(told[1]) if told else 200


def _kind(causes: list[BaseException], text: str) -> str:
    for types, kind in _TYPES:
        if any(isinstance(cause, types) for cause in causes):
            return kind
    return next((kind for pattern, kind in _PHRASES if re.search(pattern, text)), "other")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error of yt-dlp and what lies behind it, which yt-dlp keeps in three different places."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        details = getattr(one, "exc_info", None)
        waiting += [getattr(one, "cause", None), details[1] if details else None, one.__cause__]
        waiting = [item for item in waiting if isinstance(item, BaseException)]
