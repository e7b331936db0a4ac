"""What downloads need beside this program: looked at when it starts, and told by ``/ready``.

Nothing here keeps a video that is uploaded from being looked at, so whatever is missing is a remark and no more.
"""

from __future__ import annotations

import logging
from datetime import date

from app.config import Settings
from app.errors import ConfigError
from app.media.cookies import read_cookies
from app.media.ffmpeg import find_ffmpeg
from app.media.javascript import Runtime, choose_runtime, find_runtimes
from app.media.sites import yt_dlp_version
from app.services.readiness import Check

logger = logging.getLogger(__name__)

OLD_DAYS = 90
"""Sites change, and yt-dlp follows them about every month."""

_NO_JAVASCRIPT = "YouTube will hand out small videos only, or none"


def check_downloads(settings: Settings, today: date | None = None) -> list[Check]:
    """Looks at every need; never raises. The first call starts the programs to ask for their versions."""
    checks = [_yt_dlp(today or date.today()), _ffmpeg(settings.download_sound), _javascript(settings)]
    if settings.download_cookies_file is not None:
        checks.append(_cookies(settings))
    return checks


def log_downloads(settings: Settings) -> None:
    """Writes into the log what is there and what is missing."""
    for check in check_downloads(settings):
        logger.log(logging.INFO if check.ok else logging.WARNING, "downloads: %s", check.message)


def _yt_dlp(today: date) -> Check:
    version = yt_dlp_version()
    try:
        year, month, day, *_ = (int(part) for part in version.split("."))
        age = (today - date(year, month, day)).days
    except ValueError:
        return Check("yt_dlp", ok=True, message=f"yt-dlp {version} is there.")
    if age <= OLD_DAYS:
        return Check("yt_dlp", ok=True, message=f"yt-dlp {version} is there.")
    return Check(
        "yt_dlp",
        ok=False,
        message=f"yt-dlp {version} is {age} days old. Sites may have changed since, so that links fail; update it.",
    )


def _ffmpeg(sound: bool) -> Check:
    found = find_ffmpeg()
    if found is not None:
        where = "it came with this program" if found.own else "the system's"
        return Check("ffmpeg", ok=True, message=f"ffmpeg {found.version} is there ({where}).")
    if not sound:
        return Check("ffmpeg", ok=True, message="ffmpeg is missing, and not needed without DOWNLOAD_SOUND.")
    return Check(
        "ffmpeg",
        ok=False,
        message="ffmpeg is missing: where a site gives pictures and sound apart, a smaller video with sound is fetched.",
    )


def _javascript(settings: Settings) -> Check:
    choice = settings.download_javascript
    if choice == "off":
        message = f"JavaScript of sites is switched off (DOWNLOAD_JAVASCRIPT); {_NO_JAVASCRIPT}."
        return Check("javascript", ok=True, message=message)
    runtime = choose_runtime(choice)
    if runtime is not None:
        kept = "shut off from disk and network" if runtime.shut_off else "allowed by DOWNLOAD_JAVASCRIPT"
        return Check("javascript", ok=True, message=f"{_name(runtime)} runs YouTube's JavaScript, {kept}.")
    return Check("javascript", ok=False, message=f"{_why_none(find_runtimes())} {_NO_JAVASCRIPT}. Install Deno.")


def _why_none(found: tuple[Runtime, ...]) -> str:
    recent = [runtime for runtime in found if runtime.recent]
    if recent:
        return f"{_name(recent[0])} does not surely shut JavaScript of sites off from this machine, so it is not used:"
    if found:
        return f"{_name(found[0])} is too old to run YouTube's JavaScript:"
    return "No JavaScript runtime is there:"


def _name(runtime: Runtime) -> str:
    return f"{runtime.name.capitalize()} {runtime.version}"


def _cookies(settings: Settings) -> Check:
    try:
        if settings.download_cookies_file is not None:
            read_cookies(settings.download_cookies_file)
    except ConfigError as error:
        return Check("cookies", ok=False, message=f"{error.message} Links fail until that is mended.")
    return Check("cookies", ok=True, message="The file of cookies is there.")
