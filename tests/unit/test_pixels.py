"""Pictures from strangers: a right result or one clear error."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from app.domain import Image
from app.errors import MediaError, TooLargeError
from app.pixels import decode_image
from tests.stills import still


def _file(picture: PilImage.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_pictures_come_back_as_they_were(astronaut: Image, kind: str) -> None:
    assert np.array_equal(decode_image(_file(PilImage.fromarray(astronaut), kind)), astronaut)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_pictures_come_back_nearly(astronaut: Image, kind: str) -> None:
    decoded = decode_image(_file(PilImage.fromarray(astronaut), kind, quality=95))
    assert np.abs(decoded.astype(int) - astronaut).mean() < 4


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 100, (100, 100, 100)),
        ("1", 1, (255, 255, 255)),
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), (255, 0, 0)),
        ("LA", (0, 0), (255, 255, 255)),
        ("P", 0, (0, 0, 0)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 256, (1, 1, 1)),
    ],
    ids=str,
)
def test_every_mode_becomes_rgb(mode: str, colour: object, expected: tuple[int, int, int]) -> None:
    decoded = decode_image(_file(PilImage.new(mode, (5, 3), colour), "PNG"))  # type: ignore[arg-type]
    assert decoded.shape == (3, 5, 3)
    assert decoded.dtype == np.uint8
    assert decoded[1, 2].tolist() == list(expected)


def test_heic_is_read_like_the_others(astronaut: Image) -> None:
    decoded = decode_image(still("heic", astronaut))
    assert decoded.shape == astronaut.shape
    assert np.abs(decoded.astype(int) - astronaut).mean() < 6
    with pytest.raises(TooLargeError, match="512 x 512"):
        decode_image(still("heic", astronaut), max_pixels=512 * 511)
    data = still("heic", astronaut)
    for spoilt in (data[: len(data) // 2], data[:30] + bytes(400) + data[430:]):
        with pytest.raises(MediaError):
            decode_image(spoilt)


def test_heic_is_learned_only_when_it_is_needed() -> None:
    script = "import sys, app.pixels as p; p.decode_image(open(sys.argv[1], 'rb').read()); print('pillow_heif' in sys.modules)"
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    found = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_cmyk_becomes_rgb() -> None:
    decoded = decode_image(_file(PilImage.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert decoded[4, 4, 0] > 200
    assert decoded[4, 4, 1] < 60


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
def test_exif_orientation_is_applied(orientation: int, corner: tuple[int, int]) -> None:
    image = np.zeros((32, 64, 3), np.uint8)
    image[:16, :16] = 255
    exif = PilImage.Exif()
    exif[0x0112] = orientation
    decoded = decode_image(_file(PilImage.fromarray(image), "PNG", exif=exif))
    assert decoded.shape == ((32, 64, 3) if orientation in (1, 3) else (64, 32, 3))
    assert decoded[corner].tolist() == [255, 255, 255]


def test_of_an_animation_the_first_picture_is_taken() -> None:
    first, second = PilImage.new("RGB", (9, 9), "red"), PilImage.new("RGB", (9, 9), "blue")
    decoded = decode_image(_file(first, "GIF", save_all=True, append_images=[second]))
    assert decoded[4, 4].tolist() == [255, 0, 0]


def test_one_pixel_is_a_picture() -> None:
    assert decode_image(_file(PilImage.new("RGB", (1, 1), "lime"), "PNG")).tolist() == [[[0, 255, 0]]]


def test_the_pixel_count_is_checked_before_decoding() -> None:
    bomb = _file(PilImage.new("1", (12_000, 12_000)), "PNG")
    assert len(bomb) < 100_000
    with pytest.raises(TooLargeError, match="12000 x 12000"):
        decode_image(bomb)


def _png(astronaut: Image) -> bytes:
    return _file(PilImage.fromarray(astronaut), "PNG")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"<html><body>404</body></html>", id="html"),
        pytest.param(lambda data: data[:20], id="header only"),
        pytest.param(lambda data: data[: len(data) // 2], id="half"),
        pytest.param(lambda data: data[:60] + bytes(500) + data[560:], id="zeros inside"),
        pytest.param(
            lambda _: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="a format that starts programs"
        ),
    ],
)
def test_what_is_no_picture_gives_one_clear_error(astronaut: Image, spoil) -> None:
    with pytest.raises(MediaError) as caught:
        decode_image(spoil(_png(astronaut)))
    assert caught.value.message.endswith(".")
