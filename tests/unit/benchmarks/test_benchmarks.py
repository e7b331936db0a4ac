"""The benchmarks run, from beginning to end, in their small form."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.media.probe import probe
from benchmarks import films

ROOT = Path(__file__).resolve().parents[3]


def test_a_repeated_film_has_the_length_that_was_asked_for(tmp_path: Path) -> None:
    path = films.make(tmp_path / "film.mp4", size=(320, 180), rate=5, seconds=12, cycle=2)
    info = probe(path)
    assert info.duration == pytest.approx(12, abs=0.3)
    assert (info.width, info.height, info.frame_rate) == (320, 180, pytest.approx(5))
    assert [child.name for child in tmp_path.iterdir()] == ["film.mp4"]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--quick", *arguments]
    return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_the_small_form_measures_and_writes_its_report(tmp_path: Path) -> None:
    done = _run("--no-peers", "--write", str(tmp_path))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    for heading in (
        "Against other tools",
        "What the engine adds to its networks",
        "Detectors by size of the picture",
        "Memory over many pictures",
        "The whole pipeline: where the time goes",
        "Speed of the whole pipeline",
        "Steps of the pipeline",
        "Memory over the length of a video",
    ):
        assert f"## {heading}\n" in text
        assert f"## {heading}\n" in done.stdout
    for name in ("benchmark-time.png", "benchmark-packs.png"):
        assert (tmp_path / "images" / name).is_file()
        assert f"](images/{name})" in text
    assert "| generated, 360p |" in text
    assert "growth of peak memory" in text
    assert "engine over bare networks, bundled" in text
    assert text.count("- not measured: MTCNN, as bundled") == 1
    assert "other tools were left out (--no-peers)" in text


def test_parts_can_be_chosen() -> None:
    done = _run("--only", "packs", "--skip", "pipeline")
    assert done.returncode == 0, done.stderr
    assert "only these parts were measured: packs." in done.stdout
    assert "## What the engine adds" in done.stdout
    assert "## Steps of the pipeline" not in done.stdout


def test_a_part_that_does_not_exist_is_refused() -> None:
    done = _run("--only", "packs,nothing")
    assert done.returncode == 2
    assert "no such part: nothing; there are pipeline, mtcnn" in done.stderr
