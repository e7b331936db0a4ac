"""What users of the library may call a picture, and how it becomes an array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PilImage

from app.domain import Image
from app.errors import InvalidInputError, MediaError
from app.pixels import check_size, decode_image, to_rgb

Picture = PilImage.Image | npt.NDArray[Any] | str | Path | bytes
"""A Pillow picture, an array in RGB order, the path of a file, or the bytes of one."""

_SHAPES = "A picture must have the shape (height, width), (height, width, 1), (height, width, 3) RGB or (height, width, 4) RGBA"


def is_one(pictures: Picture | Sequence[Picture]) -> bool:
    """Whether this is a picture rather than a list of them; an array is always one picture."""
    return isinstance(pictures, PilImage.Image | np.ndarray | str | Path | bytes | bytearray)


def to_images(pictures: Picture | Sequence[Picture]) -> list[Image]:
    """Brings one picture or several into the form that the engine takes.

    Args:
        pictures: See :data:`Picture`. Files may be JPEG, PNG, BMP, TIFF, WebP or GIF; their EXIF orientation is applied, of an animation
            the first picture is taken, transparency is laid on white. Arrays are RGB, not OpenCV's BGR, of bytes 0..255, of
            16 bits 0..65535, or of floats 0..1; grey arrays may lack the last axis.

    Returns:
        One ``uint8`` (height, width, 3) RGB array for each; views of the given arrays where nothing had to change.

    Raises:
        InvalidInputError: Something is no picture: another type, shape or dtype, or numbers that are no brightness.
        MediaError: A file is missing, empty, damaged or of another kind.
        TooLargeError: A picture has more than 100 million pixels.
    """
    listed = [pictures] if is_one(pictures) else pictures
    if not isinstance(listed, Sequence):
        raise InvalidInputError(
            f"Pictures are given as Pillow pictures, arrays, paths or bytes, or as a list of them, not as {_kind(pictures)}."
        )
    return [_to_image(picture) for picture in listed]


def _to_image(picture: object) -> Image:
    if isinstance(picture, PilImage.Image):
        return _from_pillow(picture)
    if isinstance(picture, np.ndarray):
        return _from_array(picture)
    if isinstance(picture, bytes | bytearray):
        return decode_image(bytes(picture))
    if isinstance(picture, str | Path):
        return _from_file(Path(picture))
    raise InvalidInputError(f"A picture is a Pillow picture, an array, a path or bytes, not {_kind(picture)}.")


def _from_pillow(picture: PilImage.Image) -> Image:
    try:
        return to_rgb(picture)
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # pictures are decoded when they are first looked at
        raise MediaError("The picture is damaged or closed and cannot be read.") from error


def _from_file(path: Path) -> Image:
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a null in it
        reason = getattr(error, "strerror", None) or "this is no path"
        raise MediaError(f"The picture {path.name!r} cannot be opened: {reason}.") from error
    return decode_image(data)


def _from_array(array: npt.NDArray[Any]) -> Image:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise InvalidInputError(f"{_SHAPES}, not {array.shape}.")
    check_size(array.shape[1], array.shape[0])
    values = _to_bytes(array)
    if values.ndim == 2:
        values = values[..., None]
    if values.shape[2] == 4:
        return to_rgb(PilImage.fromarray(np.ascontiguousarray(values)))
    return np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values


def _to_bytes(array: npt.NDArray[Any]) -> Image:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind != "f":
        raise InvalidInputError(f"A picture's numbers must be bytes, 16-bit or floats 0..1, not {array.dtype}.")
    if not np.isfinite(array).all():
        raise InvalidInputError("The picture holds numbers that are infinite or not a number (NaN).")
    if array.min() < 0 or array.max() > 1:
        raise InvalidInputError("A picture of floats must lie within 0..1; pass one of 0..255 as bytes (uint8).")
    return np.round(array * np.float32(255)).astype(np.uint8)


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"
