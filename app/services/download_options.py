"""Turns settings into what a download may do."""

from __future__ import annotations

from app.config import Settings
from app.media.download_options import DownloadOptions
from app.media.ffmpeg import find_ffmpeg

MAX_SECONDS = 3600.0


def download_options(settings: Settings) -> DownloadOptions:
    """What a download may do, by the settings."""
    rate = settings.download_rate_limit_kb * 1000 or None
    ffmpeg = find_ffmpeg() if settings.download_sound else None
    return DownloadOptions(
        max_bytes=settings.max_download_bytes,
        allowed_hosts=settings.allowed_fetch_hosts,
        max_height=settings.download_max_height,
        sound=settings.download_sound,
        max_duration=settings.max_duration_minutes * 60 or None,
        rate_limit=rate,
        cookies_file=settings.download_cookies_file,
        ffmpeg=ffmpeg.path if ffmpeg is not None else None,
        javascript=settings.download_javascript,
        # a limit of speed must not turn every large download into one that takes too long
        max_seconds=MAX_SECONDS if rate is None else max(MAX_SECONDS, 2 * settings.max_download_bytes / rate),
    )
