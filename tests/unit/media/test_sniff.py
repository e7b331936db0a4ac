"""Kinds of files, by their bytes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image as PilImage

from app.media.sniff import FileKind, kind_of
from tests.stills import KINDS, archive, still
from tests.videos import make_video, tiny_video


def _moving(kind: str) -> bytes:
    first, second = PilImage.new("RGB", (9, 9), "red"), PilImage.new("RGB", (9, 9), "blue")
    buffer = io.BytesIO()
    first.save(buffer, kind, save_all=True, append_images=[second])
    return buffer.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_one_whatever_it_is_called(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(still(kind))
    assert kind_of(path) is FileKind.PICTURE


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: _moving("GIF"), id="a GIF that moves"),
        pytest.param(lambda: _moving("PNG"), id="a PNG that moves"),
        pytest.param(tiny_video, id="mp4"),
        pytest.param(lambda: b"", id="empty"),
        pytest.param(lambda: b"BM is a word, too", id="text"),
        pytest.param(lambda: b"RIFF1234AVI LIST", id="avi"),
    ],
)
def test_what_is_no_picture(tmp_path: Path, data) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data())
    assert kind_of(path) is FileKind.OTHER


def test_archives(tmp_path: Path) -> None:
    assert kind_of(archive(tmp_path / "a.jpg", {"a.jpg": b"x"})) is FileKind.ARCHIVE
    assert kind_of(archive(tmp_path / "b.zip", {})) is FileKind.ARCHIVE
    assert kind_of(make_video(tmp_path / "c.mkv", frames=2)) is FileKind.OTHER
