"""Fetches the video that an address stands for: a direct link, or a page of one of the many sites yt-dlp knows."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from app.errors import AppError
from app.media.addresses import Guard, parse_address
from app.media.answer import Answer, Progress
from app.media.cookies import cookies_for
from app.media.download_options import DownloadOptions, Stop, nobody_stops
from app.media.fetch import SafeFetcher
from app.media.images import encode_jpeg
from app.media.pace import Pace
from app.media.resume import fetch_if, forget_part
from app.media.site_network import Budget
from app.media.sites import fetch_from_site, has_own_extractor
from app.pixels import decode_image

logger = logging.getLogger(__name__)

_VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts",
     ".m2ts", ".mts", ".flv", ".wmv", ".asf", ".3gp", ".3g2", ".ogv", ".ogg", ".mxf", ".gif", ".vob"}
)  # fmt: skip
_PLAYLIST_SUFFIXES = frozenset({".m3u8", ".m3u", ".mpd", ".ism", ".f4m"})
_OPAQUE_TYPES = frozenset({"application/octet-stream", "binary/octet-stream", "application/x-download", ""})
_VIDEO_TYPES = frozenset(
    {"application/mp4", "application/x-matroska", "application/ogg", "application/mxf", "image/gif"}
)
THUMBNAIL_BYTES = 10_000_000
THUMBNAIL_PIXELS = 50_000_000
THUMBNAIL_SIDE = 640
THUMBNAIL_SECONDS = 20.0
_DIRECT_TRIES = 3


@dataclass(frozen=True, slots=True)
class DownloadedVideo:
    """A video that was fetched.

    Attributes:
        path: The file; its name has nothing to do with what the site calls it. The caller owns it.
        title: What the site calls it, or the file's name without its suffix; ``None`` where neither is known.
        source_url: Where it came from, after redirects: the page, or the file itself.
        file_name: A name to show, with a suffix. Not to be used as a path.
        uploader: Who published it, where the site tells.
        published_on: When, as ``2026-11-22``, where the site tells.
        thumbnail: The site's own picture of it as a JPEG that we coded ourselves, or ``None``.
    """

    path: Path
    title: str | None
    source_url: str
    file_name: str
    uploader: str | None = None
    published_on: str | None = None
    thumbnail: bytes | None = None


def download_video(
    url: str,
    folder: Path,
    options: DownloadOptions,
    *,
    progress: Progress | None = None,
    stop: Stop = nobody_stops,
    item: int | None = None,
    part: Path | None = None,
) -> DownloadedVideo:
    """Fetches the video at an address into a folder.

    Args:
        url: ``http`` or ``https``: a video file, or a page with a video.
        folder: Where the file goes, under a name of its own. After a failure nothing is left there.
        options: What to choose, and what to refuse.
        progress: Called with bytes done and bytes in all (``None`` where unknown); what it raises ends the download.
        stop: Called several times a second, also from another thread; an AppError that it raises ends the download.
        item: Which of a page's videos is wanted, from 1; ``None`` for the only or the first one.
        part: Where the beginning of a direct link's file is kept when the download breaks off, for the next try.

    Returns:
        The file and what is known about it.

    Raises:
        ForbiddenAddressError: The address, or one that it leads to, is not public.
        TooLargeError: The file is larger than allowed.
        TooLongError: The site says that it is longer than allowed.
        ConfigError: There is no such file of cookies.
        FetchError: Anything else; the message says what, ``retryable`` whether it may work later.
    """
    address = str(parse_address(url))
    work = Path(tempfile.mkdtemp(prefix="download-", dir=folder))
    try:
        found = None
        if item is None and not has_own_extractor(address):
            found = _try_direct(address, options, part or work / "direct", progress, stop)
        if found is None:
            found = _from_site(address, work, options, progress, stop, item or 1)
        final = folder / f"{work.name}.video"
        found.path.replace(final)
        forget_part(part or found.path)
        return replace(found, path=final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _try_direct(
    address: str, options: DownloadOptions, part: Path, progress: Progress | None, stop: Stop
) -> DownloadedVideo | None:
    """Fetches the address itself if it is a video file; ``None`` if it is a page."""
    fetcher = SafeFetcher(
        max_bytes=options.max_bytes,
        allowed_hosts=options.allowed_hosts,
        timeout=options.timeout,
        max_seconds=options.max_seconds,
        rate_limit=options.rate_limit,
        cookies=cookies_for(options.cookies_file) if options.cookies_file is not None else None,
        stop=stop,
    )
    fetched = fetch_if(fetcher, address, part, _is_video_file, progress, _DIRECT_TRIES)
    if fetched is None:
        return None
    name = fetched.file_name or "video"
    return DownloadedVideo(fetched.path, PurePosixPath(name).stem or None, fetched.url, name)


def _is_video_file(answer: Answer) -> bool:
    suffixes = {PurePosixPath(name).suffix.lower() for name in (answer.file_name, urlsplit(answer.url).path)}
    if suffixes & _PLAYLIST_SUFFIXES or "mpegurl" in answer.content_type or "dash+xml" in answer.content_type:
        return False
    if answer.content_type.startswith(("video/", "audio/")) or answer.content_type in _VIDEO_TYPES:
        return True
    if answer.content_type == "text/plain":  # what simple servers say of suffixes that they do not know
        return bool(suffixes & _VIDEO_SUFFIXES)
    return answer.content_type in _OPAQUE_TYPES and (bool(answer.content_type) or bool(suffixes & _VIDEO_SUFFIXES))


def _from_site(
    address: str, folder: Path, options: DownloadOptions, progress: Progress | None, stop: Stop, item: int
) -> DownloadedVideo:
    with Guard(options.allowed_hosts, options.max_seconds, stop=stop) as guard:
        budget = Budget(options.max_bytes, Pace(options.rate_limit, guard.pause))
        video = fetch_from_site(address, folder, guard, budget, options, progress, item)
    details = video.details
    return DownloadedVideo(
        path=video.path,
        title=details.title,
        source_url=details.url,
        file_name=f"{details.title or 'video'}.{details.extension}",
        uploader=details.uploader,
        published_on=details.published_on,
        thumbnail=_thumbnail(details.thumbnail, options, stop) if details.thumbnail else None,
    )


def _thumbnail(url: str, options: DownloadOptions, stop: Stop) -> bytes | None:
    """The site's picture, decoded and coded anew; ``None`` where it cannot be had, which spoils nothing."""
    fetcher = SafeFetcher(
        max_bytes=THUMBNAIL_BYTES,
        allowed_hosts=options.allowed_hosts,
        timeout=min(options.timeout, THUMBNAIL_SECONDS),
        max_seconds=THUMBNAIL_SECONDS,
        stop=stop,
    )
    try:
        return encode_jpeg(decode_image(fetcher.read(url), THUMBNAIL_PIXELS), max_side=THUMBNAIL_SIDE)
    except AppError as error:
        stop()
        logger.info("no thumbnail from the site", extra={"reason": error.code})
        return None
