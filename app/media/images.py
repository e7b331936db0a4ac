"""Reads pictures from strangers safely, and writes JPEG."""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
from PIL import Image as PilImage
from PIL import ImageOps, UnidentifiedImageError

from app.domain import Image
from app.errors import InvalidInputError, MediaError, TooLargeError

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
            if picture.width * picture.height > max_pixels:
                raise TooLargeError(
                    f"The picture has {picture.width} x {picture.height} pixels; "
                    f"at most {max_pixels // 1_000_000} million are allowed."
                )
            return _to_rgb(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError as error:
        raise MediaError("This is not a picture that can be read. Use JPEG, PNG, BMP, TIFF, WebP or GIF.") from error
    except PilImage.DecompressionBombError as error:
        raise TooLargeError("The picture has far too many pixels.") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, MemoryError) as error:
        # the classes that Pillow's decoders are known to let through on damaged files
        raise MediaError("The picture is damaged and cannot be read.") from error


def encode_jpeg(image: Image, quality: int = 90, max_side: int | None = None) -> bytes:
    """Encodes a picture as JPEG.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
        quality: 1..100.
        max_side: Larger pictures are shrunk to this long side, by area averaging; smaller ones are not enlarged.

    Returns:
        The bytes of the file.

    Raises:
        InvalidInputError: The array is no such picture.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InvalidInputError("A picture must be uint8 of shape (height, width, 3) in RGB order, and not empty.")
    height, width = image.shape[:2]
    shrunk: Image = image
    if max_side is not None and max(height, width) > max_side:
        scale = max_side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        shrunk = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(shrunk, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise InvalidInputError("The picture cannot be written as JPEG: it is wider or higher than 65,500 pixels.")
    return data.tobytes()


def _to_rgb(picture: PilImage.Image) -> Image:
    if picture.mode.startswith(("I", "F")):
        return _scaled_grey(picture)
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        opaque = PilImage.new("RGBA", picture.size, "white")
        picture = PilImage.alpha_composite(opaque, picture.convert("RGBA"))
    return np.ascontiguousarray(picture.convert("RGB"), dtype=np.uint8)


def _scaled_grey(picture: PilImage.Image) -> Image:
    """Deep grey to 8 bits: 16-bit pictures by their full range, others by the range that they use."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float64), posinf=0.0, neginf=0.0)
    full = 65535.0 if picture.mode.startswith("I;16") or (values.min() >= 0 and 255 < values.max() <= 65535) else 0.0
    low, high = (0.0, full) if full else (min(values.min(), 0.0), max(values.max(), 255.0))
    grey = np.round((values - low) * (255.0 / (high - low))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
