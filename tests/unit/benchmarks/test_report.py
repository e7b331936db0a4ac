"""The report of the benchmarks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import Image as PilImage

from benchmarks import chart, report
from benchmarks.figures import Cost, Spread
from benchmarks.memory import Peak
from benchmarks.pipeline import STEPS, Measured

RUNS = [Cost(1.0, 2.0, 1.0, 2.5, 4.2), Cost(1.0, 2.0, 1.0, 2.5, 4.4), Cost(1.0, 2.0, 1.0, 2.5, 4.3)]
DEAR = [Cost(1.0, 2.0, 1.0, 2.5, 4.8)]
FILM = Measured("film.mp4", 20.0, 10, 40, 2, wall=RUNS, cpu=DEAR, steps=[dict.fromkeys(STEPS, 0.05)])
FILMS = [FILM, replace(FILM, name="dear.mp4", wall=DEAR)]
PEAKS = {"short": [Peak(100.0, 300.0, 301.0, 60, 90, 5.0)], "long": [Peak(100.0, 306.0, 350.0, 1800, 2700, 150.0)]}


def _rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_a_table_is_aligned_and_keeps_its_cells() -> None:
    text = report.table(("name", "n"), [("a", "1"), ("longer", "100")])
    assert text.splitlines() == ["| name   |   n |", "| ------ | --: |", "| a      |   1 |", "| longer | 100 |"]


def test_figures_are_medians_with_their_range() -> None:
    rows = _rows(report.time_table([FILM]))
    assert rows[2][:3] == ["film.mp4", "wall time", "1.00 (1.00–1.00)"]  # noqa: RUF001
    assert rows[2][5:7] == ["0.30 (0.20–0.40)", "4.30 (4.20–4.40)"]  # noqa: RUF001
    assert report.percent(Spread(0.05, 0.075, 0.1)) == "+7.5 % (+5.0 % to +10.0 %)"


def test_speed_and_steps_are_per_frame_and_face() -> None:
    assert _rows(report.speed_table([FILM]))[2] == ["film.mp4", "20", "10", "40", "2", "2.3", "4.7", "200.0", "25.0"]
    steps = dict(_rows(report.step_table([FILM])))
    assert steps["database"] == "5.00"
    assert steps["all"] == "430.00"


def test_a_broken_promise_is_named() -> None:
    promised = report.verdicts(FILMS, PEAKS)
    assert {verdict.text: verdict.holds for verdict in promised} == {
        "own cost, film.mp4: +7.5%, limit 15%": True,
        "own cost, dear.mp4: +20.0%, limit 15%": False,
        "growth of peak memory, short to long: +2.0%, limit 3%": True,
    }
    sections = [*report.time_sections(FILMS), *report.memory_sections(PEAKS)]
    page = report.page({"date": "today"}, ["something was left out."], promised, sections)
    assert "- **does not hold**: own cost, dear.mp4" in page
    assert "Note: something was left out." in page
    assert "| long " in page


def test_what_was_not_measured_is_not_judged() -> None:
    assert report.verdicts(None, None) == []


def test_the_chart_is_a_small_picture(tmp_path: Path) -> None:
    chart.draw([FILM, FILM], tmp_path / "images" / "chart.png")
    with PilImage.open(tmp_path / "images" / "chart.png") as picture:
        assert picture.width > 600
    assert (tmp_path / "images" / "chart.png").stat().st_size < 100_000
