"""Turns pictures from strangers into arrays, safely: the one place where picture files are opened."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image as PilImage
from PIL import ImageOps, UnidentifiedImageError

from app.domain import Image
from app.errors import MediaError, TooLargeError

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")
"""What may be read; Pillow's other decoders are rare and little tested, and some start programs."""

MAX_PIXELS = 100_000_000


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS) -> Image:
    """Decodes a picture, the way a person would see it.

    The header is checked before anything is decoded. EXIF orientation is applied, transparency is laid on white, of an
    animation the first picture is taken, and 16-bit grey is scaled to its own 8 bits.

    Args:
        data: The bytes of a JPEG, PNG, BMP, TIFF, WebP or GIF file.
        max_pixels: Largest width times height.

    Returns:
        ``uint8`` (height, width, 3) RGB, contiguous.

    Raises:
        MediaError: The bytes are no such picture, or a damaged one.
        TooLargeError: The picture has more pixels than allowed.
    """
    if not data:
        raise MediaError("The picture is empty.")
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # of oddities in metadata; the size is checked here
            PilImage.open(io.BytesIO(data), formats=FORMATS) as picture,
        ):
            return to_rgb(picture, max_pixels)
    except UnidentifiedImageError as error:
        raise MediaError("This is not a picture that can be read. Use JPEG, PNG, BMP, TIFF, WebP or GIF.") from error
    except PilImage.DecompressionBombError as error:
        raise TooLargeError("The picture has far too many pixels.") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, MemoryError) as error:
        # the classes that Pillow's decoders are known to let through on damaged files
        raise MediaError("The picture is damaged and cannot be read.") from error


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
