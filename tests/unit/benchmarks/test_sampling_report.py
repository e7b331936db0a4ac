"""The table of the ways of sampling, and the film it is measured on."""

from __future__ import annotations

from pathlib import Path

from app.domain import Sampling
from app.media.probe import probe
from benchmarks.sampling import SCENES, Sampled, make_known_film
from benchmarks.sampling_report import section


def test_one_line_for_each_way() -> None:
    results = [
        Sampled("a film", Sampling.ADAPTIVE, 0.5, 60, 41, 7, 8, 0.912, [2.0, 4.0, 2.5]),
        Sampled("clips", Sampling.INTERVAL, 1.0, 12, 9, 3, 3, None, [1.0]),
    ]
    lines = [line for line in section(results).splitlines() if line.startswith("|")]
    assert [part.strip() for part in lines[2].strip("|").split("|")] == [
        "a film", "adaptive", "0.5", "60", "41", "7 of 8", "91.2%", "2.50 (2.25–3.25)", "2.8",  # noqa: RUF001
    ]  # fmt: skip
    assert "3 of 3" in lines[3]


def test_the_film_is_as_long_as_its_scenes(tmp_path: Path) -> None:
    truth = make_known_film(tmp_path / "film.mp4", 2)
    length = sum(seconds for seconds, _, _ in SCENES)
    assert length == round(length)
    info = probe(tmp_path / "film.mp4")
    assert info.duration is not None
    assert abs(info.duration - 2 * length) < 0.2
    assert len(truth) == 2 * sum(len(who) for _, who, _ in SCENES)
    assert truth[0].start == SCENES[0][0]
    assert truth[-1].end <= 2 * length
