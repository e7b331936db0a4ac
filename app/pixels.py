"""Turns pictures from strangers into arrays, safely: the one place where picture files are opened."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import BinaryIO

import numpy as np
from PIL import Image as PilImage
from PIL import ImageOps, UnidentifiedImageError

from app.domain import Image
from app.errors import MediaError, TooLargeError

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")
"""What may be read; Pillow's other decoders are rare and little tested, and some start programs. HEIC comes beside."""

MAX_PIXELS = 100_000_000
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_ORIENTATION, _EXIF_IFD = 0x0112, 0x8769
_TIMES = ((0x9003, 0x9011), (0x9004, 0x9012))  # when it was taken, when it was made digital; each with its zone


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the head of a picture file tells.

    Attributes:
        width: Pixels, upright.
        height: Pixels, upright.
        taken_at: When it was taken by its camera, with a zone where the camera told one; ``None`` where nothing tells.
    """

    width: int
    height: int
    taken_at: datetime | None


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS) -> Image:
    """Decodes a picture, the way a person would see it.

    The header is checked before anything is decoded. EXIF orientation is applied, transparency is laid on white, of an
    animation the first picture is taken, and 16-bit grey is scaled to its own 8 bits.

    Args:
        data: The bytes of a JPEG, PNG, BMP, TIFF, WebP, GIF or HEIC file.
        max_pixels: Largest width times height.

    Returns:
        ``uint8`` (height, width, 3) RGB, contiguous.

    Raises:
        MediaError: The bytes are no such picture, or a damaged one.
        TooLargeError: The picture has more pixels than allowed.
    """
    if not data:
        raise MediaError("The picture is empty.")
    with _opened(io.BytesIO(data)) as picture:
        return to_rgb(picture, max_pixels)


def read_facts(file: BinaryIO, max_pixels: int = MAX_PIXELS) -> PictureFacts:
    """Reads the head of a picture file, and decodes nothing.

    Args:
        file: An open JPEG, PNG, BMP, TIFF, WebP, GIF or HEIC file that can seek.
        max_pixels: Largest width times height.

    Raises:
        MediaError: It is no such picture, or a damaged one.
        TooLargeError: The picture has more pixels than allowed.
    """
    with _opened(file) as picture:
        check_size(picture.width, picture.height, max_pixels)
        exif = picture.getexif()
        # of a TIFF file Pillow gives the size after turning, of all others that before
        turned = exif.get(_ORIENTATION) in (5, 6, 7, 8) and picture.format != "TIFF"
        width, height = (picture.height, picture.width) if turned else (picture.width, picture.height)
        return PictureFacts(width, height, _taken_at(exif))


def is_animated(file: BinaryIO) -> bool:
    """Whether an open GIF or PNG file has more than one picture; False where it cannot be read."""
    try:
        with _opened(file) as picture:
            return bool(getattr(picture, "is_animated", False))
    except (MediaError, TooLargeError):
        return False


def looks_like_heif(beginning: bytes) -> bool:
    """Whether a file begins as HEIC pictures do."""
    return beginning[4:8] == b"ftyp" and beginning[8:12] in HEIF_BRANDS


@contextmanager
def _opened(file: BinaryIO) -> Iterator[PilImage.Image]:
    """A picture of the kinds that may be read, and Pillow's failures in our words."""
    formats: tuple[str, ...] = FORMATS
    beginning = file.read(16)
    file.seek(0)
    if looks_like_heif(beginning):
        _learn_heif()
        formats = ("HEIF",)
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # of oddities in metadata; the size is checked here
            PilImage.open(file, formats=formats) as picture,
        ):
            yield picture
    except UnidentifiedImageError as error:
        raise MediaError(
            "This is not a picture that can be read. Use JPEG, PNG, BMP, TIFF, WebP, GIF or HEIC."
        ) from error
    except PilImage.DecompressionBombError as error:
        raise TooLargeError("The picture has far too many pixels.") from error
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        RuntimeError,
        MemoryError,
    ) as error:
        # the classes that Pillow's decoders are known to let through on damaged files
        raise MediaError("The picture is damaged and cannot be read.") from error


@cache
def _learn_heif() -> None:
    """Adds HEIC to what Pillow opens, once, when the first such picture comes: its library takes a while to load.

    The limits of that library against pictures that would fill the memory stay as they are.
    """
    import pillow_heif  # noqa: PLC0415 - most libraries hold no HEIC

    pillow_heif.register_heif_opener(thumbnails=False)


def _taken_at(exif: PilImage.Exif) -> datetime | None:
    try:
        details = exif.get_ifd(_EXIF_IFD)
    except Exception:  # noqa: BLE001 - a damaged directory of metadata is no reason to refuse a picture
        return None
    for time_tag, zone_tag in _TIMES:
        text, zone = str(details.get(time_tag, "")).strip(" \0"), str(details.get(zone_tag, "")).strip(" \0")
        with_zone = re.fullmatch(r"[+-]\d\d:\d\d", zone) is not None
        try:
            return datetime.strptime(text + zone, "%Y:%m:%d %H:%M:%S%z") if with_zone else _plain_time(text)
        except ValueError:
            continue
    return None


def _plain_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # most cameras tell no zone


def to_rgb(picture: PilImage.Image, max_pixels: int = MAX_PIXELS) -> Image:
    """Turns an opened picture into an array, the way a person would see it; see :func:`decode_image`.

    Args:
        picture: Any picture of Pillow's, decoded or not yet.
        max_pixels: Largest width times height; looked at before anything is decoded.

    Returns:
        ``uint8`` (height, width, 3) RGB, contiguous.

    Raises:
        MediaError: The picture has no pixels.
        TooLargeError: The picture has more pixels than allowed.
    """
    check_size(picture.width, picture.height, max_pixels)
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith(("I", "F")):
        return _scaled_grey(upright)
    if upright.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in upright.info:
        opaque = PilImage.new("RGBA", upright.size, "white")
        upright = PilImage.alpha_composite(opaque, upright.convert("RGBA"))
    return np.ascontiguousarray(upright.convert("RGB"), dtype=np.uint8)


def check_size(width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Refuses pictures that are empty or would fill the memory.

    Raises:
        MediaError: The picture has no pixels.
        TooLargeError: It has more than allowed.
    """
    if not width or not height:
        raise MediaError("The picture is empty.")
    if width * height > max_pixels:
        raise TooLargeError(
            f"The picture has {width} x {height} pixels; at most {max_pixels // 1_000_000} million are allowed."
        )


def _scaled_grey(picture: PilImage.Image) -> Image:
    """Deep grey to 8 bits: 16-bit pictures by their full range, others by the range that they use."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float64), posinf=0.0, neginf=0.0)
    full = 65535.0 if picture.mode.startswith("I;16") or (values.min() >= 0 and 255 < values.max() <= 65535) else 0.0
    low, high = (0.0, full) if full else (min(values.min(), 0.0), max(values.max(), 255.0))
    grey = np.round((values - low) * (255.0 / (high - low))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
