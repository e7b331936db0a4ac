"""The ``faaaaaces`` command as a user runs it: a process of its own over an empty folder."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as PilImage

from app.domain import Image
from tests.films import make_film
from tests.signers import check_signers, sign_clips

ROOT = Path(__file__).resolve().parents[2]

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def faaaaaces(tmp_path: Path, models_cache: Path) -> Command:
    """Runs the command over a library in ``tmp_path``."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        own = {"FAAAAACES_DATA": str(tmp_path / "library"), "MODELS_FOLDER": str(models_cache)}
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, grace_hopper: Image) -> Path:
    """A folder with two films of two people, a text file and a broken film."""
    folder = tmp_path_factory.mktemp("films")
    make_film(folder / "both.mp4", [astronaut, grace_hopper], seconds_each=3)
    (folder / "sub folder").mkdir()
    make_film(folder / "sub folder" / "again.mkv", [grace_hopper], seconds_each=3)
    (folder / "notes.txt").write_text("no film")
    return folder


def test_a_folder_goes_in_and_its_people_come_out(
    faaaaaces: Command, films: Path, tmp_path: Path, grace_hopper: Image
) -> None:
    report = faaaaaces("ingest", films, "--interval", "0.5", "--json")
    assert report.returncode == 0, report.stderr
    told = json.loads(report.stdout)
    assert [Path(video["source"]).name for video in told["videos"]] == ["both.mp4", "again.mkv"]
    assert told["people"] == 2

    people = json.loads(faaaaaces("people", "--json").stdout)
    assert sorted(person["videos"] for person in people) == [1, 2]
    assert "faces" in faaaaaces("people").stdout

    rows = list(csv.DictReader(io.StringIO(faaaaaces("export", "faces", "--format", "csv").stdout)))
    objects = json.loads(faaaaaces("export", "faces", "--format", "json").stdout)
    assert len(rows) == len(objects) == sum(video["faces"] for video in told["videos"])
    assert {row["file_name"] for row in rows} == {"both.mp4", "again.mkv"}

    portrait = tmp_path / "portrait.jpg"
    PilImage.fromarray(grace_hopper).save(portrait)
    found = json.loads(faaaaaces("search", portrait, "--json").stdout)[0]
    both_videos = next(person for person in people if person["videos"] == 2)
    assert found["people"][0]["person_id"] == both_videos["person_id"]
    assert {moment["video"] for moment in found["moments"]} >= {"both", "again"}
    assert "Face 1" in faaaaaces("search", portrait).stdout

    assert "2 people" in faaaaaces("cluster").stdout
    assert json.loads(faaaaaces("cluster", "--json").stdout)["changed"] == 0


def test_the_same_film_again_is_recognised(faaaaaces: Command, films: Path) -> None:
    first = json.loads(faaaaaces("ingest", films / "both.mp4", "--json").stdout)["videos"][0]
    second = json.loads(faaaaaces("ingest", films / "both.mp4", "--json").stdout)["videos"][0]
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert first["video_id"] == second["video_id"]
    told = faaaaaces("ingest", "--interval", "0.5", films / "both.mp4").stdout
    assert "in the library already, looked at every 1 s" in " ".join(told.split())


def test_one_bad_source_does_not_stop_the_others(faaaaaces: Command, films: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"this is no film" * 100)
    (tmp_path / "empty folder").mkdir()
    report = faaaaaces(
        "ingest",
        tmp_path / "broken.mp4",
        tmp_path / "nothing.mp4",
        tmp_path / "empty folder",
        films / "both.mp4",
        "--json",
    )
    assert report.returncode == 1
    videos = json.loads(report.stdout)["videos"]
    assert [bool(video["error"]) for video in videos] == [True, True, True, False]
    assert "Traceback" not in report.stderr
    assert "✗" in faaaaaces("ingest", tmp_path / "broken.mp4").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ingest", "--interval", "-1", "{film}"], "interval"),
        (["ingest", "ftp://example.org/a.mp4"], "http and https"),
        (["search", "README.md"], "not a picture"),
    ],
    ids=["interval", "scheme", "no picture"],
)
def test_mistakes_are_told_in_a_sentence(faaaaaces: Command, films: Path, arguments: list[str], words: str) -> None:
    report = faaaaaces(*[argument.format(film=films / "both.mp4") for argument in arguments])
    assert report.returncode == 1
    assert words in " ".join((report.stdout + report.stderr).split())
    assert "Traceback" not in report.stderr


def test_a_wrong_setting_is_named(faaaaaces: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DETECTION_SIZE", "huge")
    report = faaaaaces("people")
    assert report.returncode == 1
    assert "DETECTION_SIZE" in report.stderr


def test_an_empty_library_says_what_to_do(faaaaaces: Command) -> None:
    assert "faaaaaces ingest" in faaaaaces("people").stdout
    assert faaaaaces("export", "faces").stdout.startswith("face_id,")


def test_the_five_signers_from_the_command_line(faaaaaces: Command, shared: Path) -> None:
    report = faaaaaces("ingest", *sign_clips(shared))
    assert report.returncode == 0, report.stderr
    assert "5 people" in report.stdout
    check_signers(list(csv.DictReader(io.StringIO(faaaaaces("export", "faces").stdout))), shared)


@pytest.mark.slow
def test_the_five_signers_one_clip_at_a_time_in_another_order(faaaaaces: Command, shared: Path) -> None:
    clips = sign_clips(shared)
    random.Random(7).shuffle(clips)
    for clip in clips:
        assert faaaaaces("ingest", clip).returncode == 0
    check_signers(list(csv.DictReader(io.StringIO(faaaaaces("export", "faces").stdout))), shared)
