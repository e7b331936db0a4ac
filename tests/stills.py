"""Makes picture files and ZIP files of them, good ones and malicious ones."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image as PilImage

from app.domain import Image

KINDS = {"jpg": "JPEG", "png": "PNG", "bmp": "BMP", "tiff": "TIFF", "webp": "WEBP", "gif": "GIF", "heic": "HEIF"}


def still(
    kind: str = "jpg",
    image: Image | None = None,
    *,
    colour: str = "red",
    size: tuple[int, int] = (48, 32),
    taken: str | None = None,
    zone: str | None = None,
    orientation: int | None = None,
) -> bytes:
    """The bytes of a picture file.

    Args:
        kind: A key of :data:`KINDS`.
        image: What it shows; one colour where ``None``.
        colour: That colour.
        size: Width and height of that.
        taken: ``2026:11:22 10:00:00``, as cameras write it.
        zone: ``+02:00``.
        orientation: EXIF's number, 1 to 8.
    """
    if kind == "heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    picture = PilImage.new("RGB", size, colour) if image is None else PilImage.fromarray(image)
    exif = PilImage.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    details = {tag: text for tag, text in ((0x9003, taken), (0x9011, zone)) if text is not None}
    if details:
        exif.get_ifd(0x8769).update(details)
        exif[0x8769] = details
    buffer = io.BytesIO()
    picture.save(buffer, KINDS[kind], **({"exif": exif.tobytes()} if len(exif) else {}))
    return buffer.getvalue()


def archive(path: Path, members: Mapping[str, bytes], *, compress: bool = False, links: tuple[str, ...] = ()) -> Path:
    """Writes a ZIP file; the members named in ``links`` say that they are symbolic links."""
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as file:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = kind
            info.external_attr = (stat.S_IFLNK if name in links else stat.S_IFREG) << 16
            file.writestr(info, data)
    return path


def lock(path: Path) -> Path:
    """Marks all members of a ZIP file as locked with a password."""
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    path.write_bytes(data)
    return path


def quarter(image: Image, row: int, column: int) -> tuple[float, ...]:
    """Mean colour of a quarter of a picture."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    part = image[row * height : (row + 1) * height, column * width : (column + 1) * width]
    return tuple(np.round(part.reshape(-1, 3).mean(axis=0)))
