"""What may be fetched, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

JavaScriptChoice = Literal["auto", "off", "deno", "node", "bun", "quickjs"]


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """What may be fetched, and how.

    Attributes:
        max_bytes: Largest file.
        allowed_hosts: Hosts that may be private.
        max_height: Largest picture that is asked for: lines of one that lies, columns of one that stands. Where a site
            has only larger ones, the smallest of them is taken.
        sound: Whether the sound is wanted too.
        max_duration: Seconds; a longer video is refused before it is fetched, where the site says how long it is.
        rate_limit: Bytes per second; ``None`` for as fast as it goes.
        cookies_file: Cookies in Netscape's format; it is read and never written.
        ffmpeg: The program that puts pictures and sound together, or ``None``.
        javascript: What may run the JavaScript of sites that ask for it; see ``javascript.py``.
        timeout: Seconds to wait for a connection and for every piece.
        max_seconds: Seconds for the whole.
    """

    max_bytes: int
    allowed_hosts: tuple[str, ...] = ()
    max_height: int = 1080
    sound: bool = False
    max_duration: float | None = None
    rate_limit: int | None = None
    cookies_file: Path | None = None
    ffmpeg: Path | None = None
    javascript: JavaScriptChoice = "auto"
    timeout: float = 20.0
    max_seconds: float = 3600.0


def nobody_stops() -> None:
    """The ``stop`` of a download that goes on to its end."""


Stop = Callable[[], None]
"""Called several times a second, also from other threads; an AppError that it raises ends the download."""
