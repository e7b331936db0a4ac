"""What a folder holds, by the names of its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.services.folders import is_passed_over, look_into


def _fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_videos_one_by_one_and_pictures_by_folder(tmp_path: Path) -> None:
    _fill(
        tmp_path,
        "b.MP4",
        "a.mkv",
        "notes.txt",
        "moving.gif",
        "album.zip",
        "x.jpg",
        "deep/c.webm",
        "deep/y.HEIC",
        "deep/er/z.png",
    )
    found = look_into(tmp_path)
    assert [path.name for path in found.videos] == ["a.mkv", "album.zip", "b.MP4", "moving.gif", "c.webm"]
    assert {folder.name: [path.name for path in files] for folder, files in found.pictures.items()} == {
        tmp_path.name: ["x.jpg"], "deep": ["y.HEIC"], "er": ["z.png"],
    }  # fmt: skip
    flat = look_into(tmp_path, recursive=False)
    assert [path.name for path in flat.videos] == ["a.mkv", "album.zip", "b.MP4", "moving.gif"]
    assert list(flat.pictures) == [tmp_path]


def test_what_is_hidden_or_half_written_is_passed_over(tmp_path: Path) -> None:
    _fill(tmp_path, ".hidden.mp4", ".cache/d.mp4", "e.mp4.part", "f.crdownload", "g.part.mp4", "~h.mp4", "@i.mp4")
    assert [path.name for path in look_into(tmp_path).videos] == ["@i.mp4"]


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    _fill(tmp_path, "deep/a.mp4")
    (tmp_path / "deep" / "round").symlink_to(tmp_path)
    assert [path.name for path in look_into(tmp_path).videos] == ["a.mp4"]


@pytest.mark.parametrize("name", ["a.mp4.part", "a.tmp", "a.mp4.crdownload", ".a.mp4", "~$a.mp4", "a.f137.mp4.ytdl"])
def test_partial_names(name: str) -> None:
    assert is_passed_over(Path(name))
    assert not is_passed_over(Path("party.mp4"))
