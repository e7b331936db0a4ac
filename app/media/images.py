"""Decodes pictures that strangers made, and encodes our own as JPEG."""

from __future__ import annotations

import struct
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image as PilImage
from PIL import ImageOps, UnidentifiedImageError

from app.domain import Image
from app.errors import MediaError, TooLargeError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "JPEG2000")
"""What may be decoded; the rest of Pillow's many old formats stays shut."""

MAX_PIXELS = 100_000_000

_NO_PICTURE = "This is not a picture that can be read. Use JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF."
_DAMAGED = "This picture is damaged or incomplete."


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS) -> Image:
    """Decodes a picture of any common kind.

    The size in the header is looked at before a pixel is decoded, so that a small file cannot fill the memory. The
    orientation that a camera wrote is applied; transparency lies on white; of an animation the first picture counts;
    16-bit grey is scaled to 8 bits.

    Args:
        data: The file's bytes.
        max_pixels: Largest width times height.

    Returns:
        ``uint8`` (height, width, 3) RGB, contiguous.

    Raises:
        MediaError: This is no picture, or a damaged one.
        TooLargeError: It has more than ``max_pixels`` pixels.
    """
    if not data:
        raise MediaError("The picture is empty.")
    try:
        picture = PilImage.open(BytesIO(data), formats=_formats())
    except PilImage.DecompressionBombError as error:
        raise TooLargeError(_too_large(max_pixels)) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, struct.error) as error:
        raise MediaError(_NO_PICTURE) from error
    with picture:
        if picture.width * picture.height > max_pixels:
            raise TooLargeError(_too_large(max_pixels))
        try:
            return np.ascontiguousarray(np.asarray(_to_rgb(ImageOps.exif_transpose(picture)), dtype=np.uint8))
        except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, struct.error) as error:
            raise MediaError(_DAMAGED) from error


def encode_jpeg(image: Image, quality: int = 90, max_side: int | None = None) -> bytes:
    """Encodes a picture as JPEG, without metadata.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
        quality: 1 (poor) .. 95 (best).
        max_side: The longer side is shrunk to this many pixels if it is longer; ``None`` keeps the size.

    Returns:
        The file's bytes.
    """
    picture = PilImage.fromarray(np.ascontiguousarray(image), "RGB")
    if max_side is not None and max(picture.size) > max_side:
        picture.thumbnail((max_side, max_side), PilImage.Resampling.LANCZOS, reducing_gap=3.0)
    output = BytesIO()
    picture.save(output, "JPEG", quality=quality, optimize=True)
    return output.getvalue()


@cache
def _formats() -> tuple[str, ...]:
    PilImage.init()
    return tuple(name for name in FORMATS if name in PilImage.OPEN)  # a lean build of Pillow may lack AVIF


def _too_large(max_pixels: int) -> str:
    return f"This picture is too large: more than {max_pixels // 1_000_000} million pixels."


def _to_rgb(picture: PilImage.Image) -> PilImage.Image:
    if picture.mode.startswith(("I", "F")):
        return _from_deep_grey(picture)
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        paper = PilImage.new("RGBA", layer.size, "white")
        return PilImage.alpha_composite(paper, layer).convert("RGB")
    return picture.convert("RGB")


def _from_deep_grey(picture: PilImage.Image) -> PilImage.Image:
    """Grey of 16 bits, 32 bits or floating point; Pillow itself would cut every value above 255."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32))
    if picture.mode == "F":
        top = 1.0 if values.max(initial=0.0) <= 1.0 else 255.0
    else:
        top = 65535.0 if picture.mode.startswith("I;16") or values.max(initial=0.0) > 255 else 255.0
    grey = np.clip(values * (255.0 / top) + 0.5, 0, 255).astype(np.uint8)
    return PilImage.fromarray(grey, "L").convert("RGB")
