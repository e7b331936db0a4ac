"""Says in plain words what yt-dlp's errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import GeoRestrictedError, UnsupportedError

from app.errors import FetchError
from app.media.fetch_errors import status_error

NOTHING_FOUND = "No video that can be fetched was found at this address."

# The first one that fits counts: "private" stands before "login", because private videos advise to log in.
_PHRASES: tuple[tuple[str, str], ...] = (
    (r"no space left|disk quota", "full"),
    (r"not (made this video )?available (in|from|to) (your|this) (country|location|region)|geo.?(restrict|block)"
     r"|(your|this) country", "geo"),
    (r"confirm (that )?you.?re not a (ro)?bot|captcha|unusual traffic|too many requests|rate.?limit", "doubt"),
    (r"requested format|no video formats|no video could|unsupported url|no media|ffmpeg|no suitable|is not a valid url",
     "unsupported"),
    (r"private|privacy|members.only|channel.s members|only available to|permission", "private"),
    (r"sign in|log.?in|logged.in|password|cookies|account|registered users|premium|subscri|purchase|payment|\bpaid\b|\brent(al|ed)?\b"
     r"|age.restrict|inappropriate|authenticat|unauthori", "login"),
    (r"removed|deleted|terminated|no longer available|does not exist|unavailable|not found|copyright|blocked it"
     r"|(is )?not available", "removed"),
    (r"\bdrm\b|widevine|fairplay|playready|encrypted", "drm"),
    (r"live event|live stream|premieres? in|not started|is not currently live|is offline|upcoming", "live"),
    (r"timed out|time-?out", "slow"),
    (r"bytes read|connection|incomplete|broken|resolve|name or service|temporary failure", "broken"),
)  # fmt: skip
_SENTENCES = {
    "full": "There is no room left on the disk of this server.",
    "geo": "The site does not show this video in the country where this server stands.",
    "doubt": "The site doubts that a person asks, so it refuses for now. Try again later, or set DOWNLOAD_COOKIES_FILE.",
    "private": "This video is private.",
    "login": "The site shows this video only after a login or payment. DOWNLOAD_COOKIES_FILE can hold the login.",
    "removed": "This video has been removed, or it never existed.",
    "drm": "This video is copy-protected and cannot be fetched.",
    "live": "This video is not over yet, or has not begun. Fetch it once it is over.",
    "unsupported": NOTHING_FOUND,
    "slow": "The site did not answer in time.",
    "broken": "The connection broke off before the whole file had come.",
    "other": "The site did not hand out this video. It may have changed, or not want to be read by programs.",
}
_TYPES: tuple[tuple[type[BaseException], str], ...] = ((GeoRestrictedError, "geo"), (UnsupportedError, "unsupported"))
_RETRYABLE = frozenset({"doubt", "full", "slow", "broken"})


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
