"""The report of the speed part."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as PilImage

from benchmarks import chart, report, speed_report
from benchmarks.packs import STEPS
from benchmarks.results import BatchCost, Comparison, MemoryRun, PackCost, Quartiles, SizeCell, Target
from benchmarks.speed_report import Speed

FIVE = Target(5.0, at_least=True)
HELD = Comparison("quick work", "peer 1.0", 2, FIVE, [0.1, 0.1, 0.1], [0.7, 0.8, 0.9], 6, 5)
SLOW = Comparison("slow work", "peer 1.0", 2, FIVE, [0.2, 0.2, 0.2], [0.7, 0.8, 0.9], 6, 6)
UNPROMISED = Comparison("other work", "peer 1.0", 2, None, [0.2], [0.4], 1, 1)
ABSENT = Comparison("no work", "other", 2, FIVE, missing="it could not be installed: no such thing")
PACK = PackCost(
    "light",
    faces=2.5,
    batches=[BatchCost(1, 8, [0.9] * 3, [0.85] * 3), BatchCost(4, 8, [0.6] * 3, [0.5] * 3)],
    steps=dict.fromkeys(STEPS, 5.0),
)
TOLD = PackCost("told", "random weights", 1.0, [BatchCost(1, 8, [8.8], [8.0])], dict.fromkeys(STEPS, 100.0))
NO_PACK = PackCost("heavy", missing="its weights are not here")
CELLS = [
    SizeCell("net", 256, 1, [0.1, 0.1]),
    SizeCell("net", 2048, 1, [9.0]),
    SizeCell("net", 256, 16, missing="skipped"),
    SizeCell("net", 2048, 16, missing="skipped"),
]
MEMORY = [MemoryRun("bundled", {1000: 500.0, 20000: 520.0}, 300.0), MemoryRun("gone", missing="it broke")]
ALL = Speed([HELD, SLOW, UNPROMISED, ABSENT], [PACK, TOLD, NO_PACK], CELLS, MEMORY)


def _rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        pytest.param([1.234] * 2, "1.23 (1.23–1.23)", id="small"),  # noqa: RUF001
        pytest.param([12.34, 13.0, 14.0], "13.0 (12.7–13.5)", id="tens"),  # noqa: RUF001
        pytest.param([123.4], "123 (123–123)", id="hundreds"),  # noqa: RUF001
    ],
)
def test_milliseconds_have_three_digits(values: list[float], text: str) -> None:
    assert speed_report.milliseconds(Quartiles.of(values)) == text


def test_a_comparison_is_a_row_with_its_target_and_verdict() -> None:
    rows = _rows(speed_report.comparison_table([HELD, SLOW, UNPROMISED, ABSENT]))
    assert rows[2] == [
        "quick work",
        "peer 1.0",
        "50.0 (50.0–50.0)",  # noqa: RUF001
        "400 (375–425)",  # noqa: RUF001
        "6 / 5",
        "8.0x (7.5–8.5)",  # noqa: RUF001
        "3",
        "≥ 5x",
        "holds",
    ]
    assert rows[3][5:] == ["4.0x (3.8–4.2)", "3", "≥ 5x", "**no**"]  # noqa: RUF001
    assert rows[4][7:] == ["–", "–"]  # noqa: RUF001
    assert rows[5][:4] == ["no work", "other", "not measured", "not measured"]


def test_only_the_best_batch_size_is_judged() -> None:
    rows = _rows(speed_report.bare_table([PACK, TOLD, NO_PACK]))
    assert [row[-1] for row in rows[2:]] == ["", "best; **no**", "best; holds", ""]
    assert rows[3][:5] == ["light", "4", "2.5", "75.0 (75.0–75.0)", "1.20 (1.20–1.20)"]  # noqa: RUF001
    assert rows[5][3] == "not measured"


def test_steps_add_up() -> None:
    rows = _rows(speed_report.step_table([PACK, NO_PACK]))
    assert rows[0] == ["ms per frame", "light, 4 at once"]
    assert rows[-1] == ["all", f"{5 * len(STEPS):.2f}"]


def test_sizes_stand_beside_the_published_figures() -> None:
    rows = _rows(speed_report.size_table(CELLS))
    assert rows[0] == ["ms per picture", "256 px", "2048 px"]
    assert rows[2:] == [
        ["net, batch 1", "100 (100–100)", "9000, once"],  # noqa: RUF001
        ["published, batch 1", "44", "378"],
        ["net, batch 16", "–", "–"],  # noqa: RUF001
        ["published, batch 16", "17", "342"],
    ]


def test_every_promise_is_judged_and_nothing_that_is_missing_is_dropped() -> None:
    found = {verdict.text: verdict.holds for verdict in speed_report.verdicts(ALL)}
    assert found == {
        "quick work, against peer 1.0: 8.0 times as fast, target 5": True,
        "slow work, against peer 1.0: 4.0 times as fast, target 5": False,
        "no work, against other: it could not be installed: no such thing": None,
        "engine over bare networks, light, 4 frames at once: 1.20, limit 1.15": False,
        "engine over bare networks, told, 1 frames at once: 1.10, limit 1.15": True,
        "engine over bare networks, heavy: its weights are not here": None,
        "sizes, net, 256 px x 16, 2048 px x 16: skipped": None,
        "memory, bundled, 1,000 to 20,000 pictures: +4.0%, limit 3%": False,
        "memory, gone: it broke": None,
    }


def test_the_page_has_a_chapter_for_each_part_that_was_measured() -> None:
    page = report.page({"date": "today"}, [], speed_report.verdicts(ALL), speed_report.sections(ALL, "chart.png"))
    for heading in ("Against other tools", "What the engine adds", "Detectors by size", "Memory over many"):
        assert f"## {heading}" in page
    assert "- not measured: no work, against other: it could not be installed" in page
    assert "- **does not hold**: slow work" in page
    assert "![Milliseconds per frame](chart.png)" in page
    assert "told: random weights." in page
    assert speed_report.sections(Speed()) == []
    assert "## Against" in "".join(speed_report.sections(Speed().adding(comparisons=[HELD])))


def test_more_comparisons_are_added_to_those_that_are_there() -> None:
    speed = Speed().adding(comparisons=[HELD]).adding(comparisons=[SLOW]).adding(packs=[PACK])
    assert (speed.comparisons, speed.packs, speed.sizes) == ([HELD, SLOW], [PACK], None)


def test_the_chart_of_packs_is_a_small_picture(tmp_path: Path) -> None:
    chart.draw_packs([PACK, TOLD], tmp_path / "images" / "packs.png")
    with PilImage.open(tmp_path / "images" / "packs.png") as picture:
        assert picture.width > 600
    assert (tmp_path / "images" / "packs.png").stat().st_size < 150_000
