"""Finds the program ``ffmpeg``, and lets it do the one thing that we need it for: put pictures and sound together.

It never sees an address. What it reads are two finished files, by the ``file`` protocol and demuxers of plain
containers alone, so that a playlist in disguise leads nowhere (see ``containers.py``).
"""

from __future__ import annotations

import functools
import logging
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from app.errors import AppError, FetchError
from app.media.download_options import Stop

logger = logging.getLogger(__name__)

_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,aac,mp3,ogg,flac"
_LOOK_SECONDS = 0.25
_MP4_SOUND = frozenset({"m4a", "mp4", "aac"})
_MP4_PICTURES = frozenset({"mp4", "m4v", "mov"})


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """The program.

    Attributes:
        path: Where it lies.
        version: As it says itself.
        own: Whether it came with this program (imageio-ffmpeg) and not with the system.
    """

    path: Path
    version: str
    own: bool


@functools.cache
def find_ffmpeg() -> Ffmpeg | None:
    """The system's ffmpeg, or the one that came along; ``None`` where there is neither."""
    system = shutil.which("ffmpeg")
    if system is not None and (version := _version(system)) is not None:
        return Ffmpeg(Path(system), version, own=False)
    try:
        own = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        return None
    version = _version(own)
    return Ffmpeg(Path(own), version, own=True) if version is not None else None


def container_for(pictures: str, sound: str) -> str:
    """The container that holds both streams as they are, by the suffixes of their files: mp4, webm or mkv."""
    if pictures in _MP4_PICTURES and sound in _MP4_SOUND:
        return "mp4"
    return "webm" if (pictures, sound) == ("webm", "webm") else "mkv"


def merge(ffmpeg: Path, pictures: Path, sound: Path, target: Path, container: str, stop: Stop) -> None:
    """Puts pictures and sound of two files into one, without coding anything anew.

    Args:
        ffmpeg: The program.
        pictures: A file with pictures.
        sound: A file with sound.
        target: The file to write.
        container: Of :func:`container_for`.
        stop: Called several times a second; what it raises ends the work.

    Raises:
        FetchError: They do not go together.
    """
    locks = ["-protocol_whitelist", "file", "-format_whitelist", _DEMUXERS]
    command = [
        *(str(ffmpeg), "-nostdin", "-hide_banner", "-loglevel", "error", "-y"),
        *(*locks, "-i", f"file:{pictures}", *locks, "-i", f"file:{sound}"),
        *("-map", "0:v:0", "-map", "1:a:0", "-c", "copy", "-map_metadata", "-1"),
        *("-protocol_whitelist", "file", "-f", "matroska" if container == "mkv" else container, f"file:{target}"),
    ]
    # No shell, a program that was found by name, paths that we made, an environment without our secrets.
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={}) as process:  # noqa: S603 - as the comment says
        try:
            while (status := _wait(process)) is None:
                stop()
        except AppError:
            process.kill()
            raise
    if status != 0 or not target.is_file():
        logger.warning("pictures and sound not merged", extra={"status": status})
        raise FetchError("Pictures and sound of this video could not be put together.")


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(_LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _version(program: str) -> str | None:
    try:
        told = subprocess.run(  # noqa: S603 - a program that was found by name, and nothing from outside
            [program, "-version"], capture_output=True, text=True, timeout=20, check=True, env={}
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"ffmpeg version (\S+)", told.stdout)
    return found[1] if found else "unknown"
