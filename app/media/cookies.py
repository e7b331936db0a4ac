"""Cookies from a file that the owner of the server gave: read, never written."""

from __future__ import annotations

import io
from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy, LoadError
from pathlib import Path

from yt_dlp.cookies import YoutubeDLCookieJar

from app.errors import ConfigError

_SETTING = "DOWNLOAD_COOKIES_FILE"


def read_cookies(path: Path) -> io.StringIO:
    """The file's text as a stream of its own: yt-dlp writes its cookies back to where they came from.

    Raises:
        ConfigError: There is no such file, it may not be read, or it is no such file.
    """
    stream = _read(path)
    _load(stream)
    stream.seek(0)
    return stream


def cookies_for(path: Path) -> Callable[[str], str | None]:
    """Says for an address which ``Cookie`` header belongs to it: same site, same folder, secure ones only over TLS.

    Raises:
        ConfigError: As above.
    """
    jar = _load(_read(path))
    keep_at_home(jar)

    def header(url: str) -> str | None:
        text = jar.get_cookie_header(url)
        return text if isinstance(text, str) else None

    return header


def keep_at_home(jar: CookieJar) -> None:
    """Has cookies of one host not sent to the hosts below it, as browsers do and Python does not."""
    jar.set_policy(DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain))


def _read(path: Path) -> io.StringIO:
    try:
        return io.StringIO(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{_SETTING} names a file that does not exist.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The file that {_SETTING} names cannot be read.") from error


def _load(stream: io.StringIO) -> YoutubeDLCookieJar:
    jar = YoutubeDLCookieJar(stream)
    try:
        jar.load()
    except (LoadError, ValueError) as error:
        raise ConfigError(f"The file that {_SETTING} names is no list of cookies in Netscape's format.") from error
    return jar
