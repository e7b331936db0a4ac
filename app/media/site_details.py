"""What a site says about a video, made safe to show; and what makes us refuse it before anything is fetched."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from app.errors import FetchError, TooLargeError, TooLongError
from app.media.addresses import parse_address

LIVE = "This is a live broadcast. Fetch it once it is over."


@dataclass(frozen=True, slots=True)
class SiteDetails:
    """What a site says about a video.

    Attributes:
        title: Its title, or ``None``.
        uploader: Who published it, or ``None``.
        extension: What kind of file it is, such as ``mp4``.
        url: Its page.
        published_on: Day on which it was published, as ``2026-11-22``, or ``None``.
        thumbnail: Address of the site's own picture of it, or ``None``.
    """

    title: str | None
    uploader: str | None
    extension: str
    url: str
    published_on: str | None = None
    thumbnail: str | None = None


def site_details(info: dict[str, Any], url: str, extension: str | None = None) -> SiteDetails:
    """Takes out of yt-dlp's answer what we keep.

    Args:
        info: The answer.
        url: The address that was asked for.
        extension: The kind of file, where it is not the site's.
    """
    return SiteDetails(
        title=_title(info),
        uploader=text(info.get("uploader") or info.get("channel")),
        extension=extension or _extension(info.get("ext")),
        url=web_address(info.get("webpage_url")) or url,
        published_on=_day(info.get("upload_date")) or _day(info.get("release_date")),
        thumbnail=web_address(info.get("thumbnail")),
    )


def refuse_unwanted(info: dict[str, Any], max_seconds: float | None, max_bytes: int) -> None:
    """Looks at what the site says before anything is fetched.

    Raises:
        FetchError: It is a live broadcast.
        TooLongError: It is longer than allowed.
        TooLargeError: It is larger than allowed.
    """
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
        raise FetchError(LIVE)
    duration = _number(info.get("duration"))
    if max_seconds is not None and duration > max_seconds:
        raise TooLongError(
            f"This video is longer than {max_seconds / 60:g} minutes, the most that is allowed (MAX_DURATION_MINUTES)."
        )
    size = sum(_number(part.get("filesize")) for part in info.get("requested_formats") or [info])
    if size > max_bytes:
        raise TooLargeError(f"The file is larger than the {max_bytes / 1e6:g} MB that are allowed.", max_bytes)


def text(value: object, length: int = 300) -> str | None:
    """A line of text from a site, without what cannot be seen; ``None`` for an empty one."""
    if not isinstance(value, str):
        return None
    return "".join(character for character in value if character.isprintable()).strip()[:length] or None


def web_address(value: object) -> str | None:
    """An address from a site; ``None`` unless it is one that may be shown as a link and asked for."""
    if not isinstance(value, str):
        return None
    try:
        return str(parse_address(value))
    except FetchError:
        return None


def _title(info: dict[str, Any]) -> str | None:
    title = text(info.get("title"))
    if title and info.get("extractor_key") in ("Generic", "HTML5MediaEmbed"):
        return re.sub(r" \([0-9]{1,4}\)$", "", title)  # yt-dlp counts the videos of a page
    return title


def _extension(value: object) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[a-z0-9]{1,8}", value) else "mp4"


def _day(value: object) -> str | None:
    found = re.fullmatch(r"([0-9]{4})(0[1-9]|1[0-2])([0-2][0-9]|3[01])", value) if isinstance(value, str) else None
    return "-".join(found.groups()) if found else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0
