"""``faaaaaces ingest``, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.domain import Image
from tests.films import make_film
from tests.stills import still
from tests.videos import make_video
from tests.website import Website

Command = Callable[..., Result]


@pytest.fixture
def faaaaaces(tmp_path: Path, models_cache: Path) -> Command:
    env = {"FAAAAACES_DATA": str(tmp_path / "library"), "MODELS_FOLDER": str(models_cache)}
    return lambda *arguments, **more: CliRunner().invoke(main, [str(one) for one in arguments], env={**env, **more})


@pytest.fixture
def folder(tmp_path: Path, astronaut: Image, grace_hopper: Image) -> Path:
    """A film, two pictures, and a picture in a folder of its own."""
    folder = tmp_path / "stuff"
    (folder / "deep").mkdir(parents=True)
    make_film(folder / "film.mp4", [astronaut], seconds_each=2)
    (folder / "a.jpg").write_bytes(still("jpg", astronaut))
    (folder / "b.jpg").write_bytes(still("jpg", grace_hopper))
    (folder / "deep" / "c.png").write_bytes(still("png", grace_hopper))
    return folder


def _told(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["videos"]  # type: ignore[no-any-return]


def test_a_folder_of_videos_and_pictures(faaaaaces: Command, folder: Path, tmp_path: Path) -> None:
    first = _told(faaaaaces("ingest", folder, "--in-place", "--no-recursive", "--sampling", "adaptive", "--json"))
    assert [Path(one["source"]).name for one in first] == ["film.mp4", "stuff"]
    assert [(one["duplicate"], one["sampling"]) for one in first] == [(False, "adaptive")] * 2
    assert not [path for path in (tmp_path / "library" / "uploads").rglob("*") if path.is_file()]
    result = faaaaaces("ingest", folder, "--json")
    second = _told(result)
    assert [(Path(one["source"]).name, one["duplicate"], one["faces"]) for one in second] == [
        ("film.mp4", True, first[0]["faces"]), ("stuff", True, 2), ("deep", False, 1),
    ]  # fmt: skip
    assert json.loads(result.stdout)["people"] == 2
    (folder / "d.jpg").write_bytes((folder / "deep" / "c.png").read_bytes())
    third = _told(faaaaaces("ingest", folder, "--no-recursive", "--json"))
    assert [(Path(one["source"]).name, one["duplicate"]) for one in third] == [
        ("film.mp4", True), ("stuff", True), ("stuff", True),
    ]  # fmt: skip  # the new one shows the bytes of the one below


def test_again_looks_anew_with_other_settings(faaaaaces: Command, folder: Path) -> None:
    film = folder / "film.mp4"
    assert faaaaaces("ingest", film).exit_code == 0
    told = " ".join(faaaaaces("ingest", film, "--interval", "0.5").stdout.split())
    assert "in the library already, looked at every 1 s, adaptive; --again looks anew" in told
    again = " ".join(faaaaaces("ingest", film, "--interval", "0.5", "--again").stdout.split())
    assert "4 faces (in the library already, looked at every 0.5 s, adaptive again)" in again
    pictures = " ".join(faaaaaces("ingest", folder / "deep", folder / "deep").stdout.split())
    assert "in the library already, all pictures looked at" in pictures


def test_reasons_are_told(faaaaaces: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "list.mp4").write_bytes(b"#EXTM3U\n")
    (tmp_path / "nothing").mkdir()
    result = faaaaaces("ingest", tmp_path / "empty.mp4", tmp_path / "list.mp4", tmp_path / "nothing")
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "This file is empty." in text
    assert "This is a playlist" in text
    assert "no video and no picture in this folder" in text


def test_links_from_a_file_and_all_of_a_playlist(faaaaaces: Command, folder: Path, tmp_path: Path) -> None:
    """A playlist's videos are fetched and looked at one after the other; a bad line does not stop the others."""
    film = (folder / "film.mp4").read_bytes()
    other = make_video(tmp_path / "other.mp4", frames=30).read_bytes()
    with Website() as site:
        site.serve("/film.mp4", film)
        site.serve("/other.mp4", other)
        html = b"<html><head><title>Two</title></head><video src='/film.mp4'></video><video src='/other.mp4'></video></html>"
        lines = ["# my links", site.serve("/page", html, "text/html"), "", site.url("/film.mp4"), "ftp://no"]
        (tmp_path / "links.txt").write_text("\n".join(lines))
        (tmp_path / "library").mkdir()
        result = faaaaaces(
            "ingest", "-f", tmp_path / "links.txt", "--playlist", "--json", ALLOWED_FETCH_HOSTS="127.0.0.1"
        )
    assert result.exit_code == 1
    told = json.loads(result.stdout)["videos"]
    assert [(one["faces"] > 0, one["error"] is None) for one in told] == [
        (True, True), (False, True), (False, True), (False, False),
    ]  # fmt: skip
    assert told[2]["note"] == "This video was in the library already."
    assert told[2]["video_id"] == told[0]["video_id"] != told[1]["video_id"]


def test_nothing_to_ingest(faaaaaces: Command) -> None:
    result = faaaaaces("ingest")
    assert result.exit_code == 2
    assert "-f" in result.stderr
