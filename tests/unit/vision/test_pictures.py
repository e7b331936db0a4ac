"""Whatever a user calls a picture: a right result or one clear error of ours."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from app.domain import Image
from app.errors import AppError, InvalidInputError, MediaError, TooLargeError
from app.vision.pictures import to_images

Made = Callable[[Image, Path], Any]


def encoded(picture: PilImage.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(astronaut: Image) -> bytes:
    """Stored lying on its side, with the note that it has to be turned."""
    exif = PilImage.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    lying = PilImage.fromarray(np.ascontiguousarray(np.rot90(astronaut)))
    return encoded(lying, "PNG", exif=exif)


def on_disk(folder: Path, data: bytes, name: str = "picture.png") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def pillow(image: Image) -> PilImage.Image:
    return PilImage.fromarray(image)


def animated(image: Image) -> bytes:
    return encoded(pillow(image), "WEBP", save_all=True, append_images=[pillow(image // 2)], lossless=True)


def opaque(image: Image) -> Image:
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


SAME: dict[str, Made] = {
    "array": lambda a, _: a,
    "pillow": lambda a, _: pillow(a),
    "path": lambda a, folder: on_disk(folder, encoded(pillow(a))),
    "path as text": lambda a, folder: str(on_disk(folder, encoded(pillow(a)))),
    "bytes": lambda a, _: encoded(pillow(a)),
    "bytearray": lambda a, _: bytearray(encoded(pillow(a))),
    "RGBA array": lambda a, _: opaque(a),
    "RGBA pillow": lambda a, _: pillow(opaque(a)),
    "RGBA file": lambda a, _: encoded(pillow(opaque(a))),
    "16-bit array": lambda a, _: a.astype(np.uint16) * 257,
    "floats": lambda a, _: a.astype(np.float32) / 255,
    "doubles": lambda a, _: a / 255,
    "read-only view": lambda a, _: np.broadcast_to(a, a.shape),
    "EXIF-rotated": lambda a, _: turned(a),
    "EXIF-rotated pillow": lambda a, _: PilImage.open(io.BytesIO(turned(a))),
    "animated": lambda a, _: animated(a),
    "animated pillow": lambda a, _: PilImage.open(io.BytesIO(animated(a))),
}


@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_every_form_of_a_picture_is_the_same_picture(astronaut: Image, tmp_path: Path, make: Made) -> None:
    (image,) = to_images(make(astronaut, tmp_path))
    assert image.dtype == np.uint8
    assert np.array_equal(image, astronaut)


GREY: dict[str, Made] = {
    "(h, w)": lambda a, _: a[..., 1],
    "(h, w, 1)": lambda a, _: a[..., 1:2],
    "16 bits": lambda a, _: a[..., 1].astype(np.uint16) * 257,
    "pillow": lambda a, _: pillow(a[..., 1]),
    "16-bit file": lambda a, _: encoded(PilImage.fromarray(a[..., 1].astype(np.uint16) * 257)),
}


@pytest.mark.parametrize("make", GREY.values(), ids=GREY)
def test_grey_becomes_three_equal_channels(astronaut: Image, tmp_path: Path, make: Made) -> None:
    (image,) = to_images(make(astronaut, tmp_path))
    assert image.shape == astronaut.shape
    assert np.array_equal(image[..., 0], astronaut[..., 1])
    assert np.array_equal(image[..., 0], image[..., 2])


def test_transparency_is_laid_on_white(astronaut: Image) -> None:
    unseen = np.dstack([astronaut, np.zeros(astronaut.shape[:2], np.uint8)])
    assert to_images(unseen)[0].min() == 255


def test_one_pixel_and_no_picture_at_all() -> None:
    assert to_images([]) == []
    assert to_images(()) == []
    assert [
        image.shape for image in to_images([np.zeros((1, 1, 3), np.uint8), pillow(np.zeros((1, 1), np.uint8))])
    ] == [
        (1, 1, 3),
        (1, 1, 3),
    ]


def test_a_list_keeps_its_order_and_mixes_kinds(astronaut: Image, tmp_path: Path) -> None:
    found = to_images([pillow(astronaut), astronaut[:100], on_disk(tmp_path, encoded(pillow(astronaut[:, :50])))])
    assert [image.shape for image in found] == [(512, 512, 3), (100, 512, 3), (512, 50, 3)]


def huge_png() -> bytes:
    """A PNG of 30,000 x 30,000 by its header, and nothing behind it."""
    small = encoded(PilImage.new("L", (1, 1)))
    chunk = b"IHDR" + (30_000).to_bytes(4, "big") * 2 + small[24:29]
    return small[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + small[33:]


def closed(image: Image) -> PilImage.Image:
    picture = PilImage.open(io.BytesIO(encoded(pillow(image))))
    picture.close()
    return picture


REFUSED: dict[str, tuple[type[AppError], str, Made]] = {
    "NaN": (InvalidInputError, "NaN", lambda a, _: np.where(a > 200, np.nan, a / 255)),
    "infinity": (InvalidInputError, "infinite", lambda a, _: np.where(a > 200, np.inf, a / 255)),
    "floats up to 255": (InvalidInputError, "0..1", lambda a, _: a.astype(np.float32)),
    "negative floats": (InvalidInputError, "0..1", lambda a, _: a / 255 - 0.5),
    "int64": (InvalidInputError, "int64", lambda a, _: a.astype(np.int64)),
    "bool": (InvalidInputError, "bool", lambda a, _: a > 9),
    "objects": (InvalidInputError, "object", lambda a, _: a.astype(object)),
    "complex": (InvalidInputError, "complex", lambda a, _: a.astype(complex)),
    "one number": (InvalidInputError, "shape", lambda a, _: np.array(0.5, np.float32)),
    "one row": (InvalidInputError, "shape", lambda a, _: a[0, :, 0]),
    "two channels": (InvalidInputError, "shape", lambda a, _: a[..., :2]),
    "channels first": (InvalidInputError, "shape", lambda a, _: a.transpose(2, 0, 1)),
    "a batch as one array": (InvalidInputError, "shape", lambda a, _: a[None]),
    "empty array": (MediaError, "empty", lambda a, _: a[:0]),
    "100 megapixels and more": (TooLargeError, "100 million", lambda _, __: np.broadcast_to(np.uint8(0), (10_001, 10_000, 3))),
    "900 megapixels by its header": (TooLargeError, "pixels", lambda _, __: huge_png()),
    "empty bytes": (MediaError, "empty", lambda _, __: b""),
    "text as bytes": (MediaError, "not a picture", lambda _, __: b"hello" * 99),
    "half a file": (MediaError, "damaged", lambda a, _: encoded(pillow(a))[:20_000]),
    "closed pillow": (MediaError, "closed", lambda a, _: closed(a)),
    "no such file": (MediaError, "gone.png", lambda _, folder: folder / "gone.png"),
    "a folder": (MediaError, "cannot be opened", lambda _, folder: folder),
    "a path with a null": (MediaError, "cannot be opened", lambda _, __: "a\0b"),
    "None": (InvalidInputError, "NoneType", lambda _, __: None),
    "None in a list": (InvalidInputError, "NoneType", lambda a, _: [a, None]),
    "a list of numbers": (InvalidInputError, "int", lambda _, __: [1, 2, 3]),
    "a dict": (InvalidInputError, "dict", lambda a, _: {"picture": a}),
    "a generator": (InvalidInputError, "generator", lambda a, _: (one for one in [a])),
}  # fmt: skip


@pytest.mark.parametrize(("error", "part", "make"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_picture_is_one_clear_error(
    astronaut: Image, tmp_path: Path, error: type[AppError], part: str, make: Made
) -> None:
    with pytest.raises(error) as caught:
        to_images(make(astronaut, tmp_path))
    assert type(caught.value) is error
    assert part in caught.value.message
    assert caught.value.message.endswith(".")
