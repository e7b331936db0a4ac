"""The benchmarks run, from beginning to end, in their small form."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.media.probe import probe
from benchmarks import films, memory_images
from benchmarks.__main__ import main
from benchmarks.plan import QUICK
from benchmarks.session import Session

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


@pytest.mark.slow
def test_the_small_form_measures_and_writes_its_report(tmp_path: Path) -> None:
    done = _run("--no-peers", "--skip", "images,segments,clustering", "--write", str(tmp_path))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    for heading in (
        "Against other tools",
        "What the engine adds to its networks",
        "Detectors by size of the picture",
        "Following faces",
        "Searching for a face",
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
    done = _run("--only", "sizes,pipeline", "--skip", "pipeline")
    assert done.returncode == 0, done.stderr
    assert "only these parts were measured: sizes." in done.stdout
    assert "## Detectors by size of the picture" in done.stdout
    assert "## Steps of the pipeline" not in done.stdout


def test_a_part_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "packs,nothing"])
    assert "no such part: nothing; there are pipeline, mtcnn" in capsys.readouterr().err


def test_a_part_that_breaks_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_images, "measure", lambda *_: 1 / 0)
    said: list[str] = []
    session = Session(replace(QUICK, side_detectors=()), tmp_path, said.append, with_peers=False)
    for part in ("images", "sizes"):
        session.measure(part)
    assert session.broken == ["images"]
    assert [(verdict.holds, verdict.text) for verdict in session.verdicts()] == [(None, "images: it broke")]
    assert any("ZeroDivisionError" in text for text in said)
    assert any("## Detectors by size" in text for text in session.sections())


def test_memory_is_shown_after_the_first_thousand_and_some_later_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = memory_images.Growth(20_000, 6000, [400.0 + number / 2 for number in range(20)])
    monkeypatch.setattr(memory_images, "measure", lambda *_: grown)
    session = Session(QUICK, tmp_path, lambda _: None, with_peers=False)
    session.measure("images")
    text = "\n".join(session.sections())
    assert "| resident MiB after | 1,000 pictures | 5,000 pictures |" in text
    assert "| bundled            |            400 |            402 |" in text
    verdict = session.verdicts()[0]
    assert (verdict.holds, verdict.text) == (True, "memory, bundled, 1,000 to 20,000 pictures: +2.4%, limit 3%")
