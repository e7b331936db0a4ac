"""Fetches the video that an address stands for: a direct link, or a page of one of the many sites yt-dlp knows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from yt_dlp.utils import YoutubeDLError

from app.media.addresses import Guard, parse_address
from app.media.fetch import Answer, Progress, SafeFetcher, save_answer
from app.media.site_errors import translate
from app.media.site_network import Budget
from app.media.sites import fetch_from_site, has_own_extractor

_VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts",
     ".m2ts", ".mts", ".flv", ".wmv", ".asf", ".3gp", ".3g2", ".ogv", ".ogg", ".mxf", ".gif", ".vob"}
)  # fmt: skip
_PLAYLIST_SUFFIXES = frozenset({".m3u8", ".m3u", ".mpd", ".ism", ".f4m"})
_OPAQUE_TYPES = frozenset({"application/octet-stream", "binary/octet-stream", "application/x-download", ""})
_VIDEO_TYPES = frozenset(
    {"application/mp4", "application/x-matroska", "application/ogg", "application/mxf", "image/gif"}
)


@dataclass(frozen=True, slots=True)
class DownloadedVideo:
    """A video that was fetched.

    Attributes:
        path: The file; its name has nothing to do with what the site calls it. The caller owns it.
        title: What the site calls it, or the file's name without its suffix; ``None`` where neither is known.
        source_url: Where it came from, after redirects.
        file_name: A name to show, with a suffix. Not to be used as a path.
        uploader: Who published it, where the site tells.
    """

    path: Path
    title: str | None
    source_url: str
    file_name: str
    uploader: str | None = None


def download_video(
    url: str,
    folder: Path,
    *,
    max_bytes: int,
    allowed_hosts: Iterable[str] = (),
    progress: Progress | None = None,
    timeout: float = 20.0,
    max_seconds: float = 3600.0,
) -> DownloadedVideo:
    """Fetches the video at an address into a folder.

    Args:
        url: ``http`` or ``https``: a video file, or a page with a video.
        folder: Where the file goes, under a name of its own. After a failure nothing is left there.
        max_bytes: Largest file.
        allowed_hosts: Hosts that may be private.
        progress: Called with bytes done and bytes in all (``None`` where unknown); what it raises ends the download.
        timeout: Seconds to wait for a connection and for every piece.
        max_seconds: Seconds for the whole.

    Returns:
        The file and what is known about it.

    Raises:
        ForbiddenAddressError: The address, or one that it leads to, is not public.
        TooLargeError: The file is larger than allowed.
        FetchError: Anything else; the message says what, ``retryable`` whether it may work later.
    """
    address = str(parse_address(url))
    hosts = tuple(allowed_hosts)
    work = Path(tempfile.mkdtemp(prefix="download-", dir=folder))
    try:
        target = work / "video"
        found = None
        if not has_own_extractor(address):
            fetcher = SafeFetcher(max_bytes=max_bytes, allowed_hosts=hosts, timeout=timeout, max_seconds=max_seconds)
            found = _try_direct(fetcher, address, target, progress)
        if found is None:
            found = _from_site(address, target, max_bytes, hosts, progress, timeout, max_seconds)
        final = folder / f"{work.name}.video"
        target.replace(final)
        return DownloadedVideo(final, found.title, found.source_url, found.file_name, found.uploader)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _try_direct(fetcher: SafeFetcher, address: str, target: Path, progress: Progress | None) -> DownloadedVideo | None:
    """Fetches the address itself if it is a video file; ``None`` if it is a page."""
    with fetcher.open(address) as answer:
        if not _is_video_file(answer):
            return None
        save_answer(answer, target, progress)
        name = answer.file_name or "video"
        return DownloadedVideo(target, PurePosixPath(name).stem or None, answer.url, name)


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
    address: str,
    target: Path,
    max_bytes: int,
    hosts: tuple[str, ...],
    progress: Progress | None,
    timeout: float,
    max_seconds: float,
) -> DownloadedVideo:
    budget = Budget(max_bytes)
    with Guard(hosts, max_seconds) as guard:
        try:
            video = fetch_from_site(address, target, guard, budget, timeout, progress)
        except YoutubeDLError as error:
            if guard.refused is not None:
                raise guard.refused from error
            if budget.failure is not None:
                raise budget.failure from error
            raise translate(error, timed_out=guard.expired) from error
    name = f"{video.title or 'video'}.{video.extension}"
    return DownloadedVideo(video.path, video.title, video.url, name, video.uploader)
