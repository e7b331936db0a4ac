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


def test_the_small_form_measures_and_writes_its_report(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--write", str(tmp_path)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    for heading in ("Where the time goes", "Speed", "Steps of the pipeline", "Memory"):
        assert f"## {heading}" in text
        assert f"## {heading}" in done.stdout
    assert (tmp_path / "images" / "benchmark-time.png").is_file()
    assert "| generated, 360p |" in text
    assert "growth of peak memory" in text
