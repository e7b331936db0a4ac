"""Runs all benchmarks and prints the report; see ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import chart, films, machine, memory, pipeline, report
from benchmarks.pipeline import Film

CHART = Path("images/benchmark-time.png")
HAMILTON = Path("data/clips/hamilton.mp4")


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        runs: Times each film is measured.
        size: Width and height of the generated film.
        rate: Its frames per second.
        seconds: Its length.
        cycle: Seconds of it that are painted and repeated.
        memory_runs: Times memory is measured.
        lengths: Seconds of the short and the long film for memory, by name.
        real: Whether the real video is measured too.
    """

    runs: int
    size: tuple[int, int]
    rate: int
    seconds: int
    cycle: int
    memory_runs: int
    lengths: dict[str, int]
    real: bool


FULL = Plan(5, (1920, 1080), 25, 60, 10, 3, {"1 minute": 60, "30 minutes": 1800}, real=True)
QUICK = Plan(1, (640, 360), 10, 4, 2, 1, {"4 seconds": 4, "12 seconds": 12}, real=False)


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints, and writes where asked.

    Returns:
        The exit status: 1 where ``--check`` was given and something promised does not hold.
    """
    wanted = _parse(arguments)
    plan = QUICK if wanted.quick else FULL
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", **machine.describe()}
    notes = [remark for remark in [machine.busy()] if remark]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        work = Path(folder)
        models = work / "models"
        engine = pipeline.load_engine(models)
        timed = [
            pipeline.measure(film, engine, models, wanted.runs or plan.runs, _say) for film in _films(work, plan, notes)
        ]
        peaks = memory.measure(_memory_films(work, plan), models, wanted.memory_runs or plan.memory_runs, _say)
    print(report.page(timed, peaks, about, notes=notes))
    if wanted.write is not None:
        chart.draw(timed, wanted.write / CHART)
        text = report.page(timed, peaks, about, str(CHART), notes)
        (wanted.write / "benchmarks.md").write_text(text, encoding="utf-8")
    held = all(holds for holds, _ in report.verdicts(timed, peaks))
    return 0 if held or not wanted.check else 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures time and memory.")
    parser.add_argument("--quick", action="store_true", help="a small version, under a minute: does it work at all?")
    parser.add_argument("--runs", type=int, metavar="N", help="times each film is measured")
    parser.add_argument("--memory-runs", type=int, metavar="N", help="times memory is measured")
    parser.add_argument("--check", action="store_true", help="fail where something promised does not hold")
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        const=films.ROOT / "docs",
        metavar="FOLDER",
        help="write benchmarks.md and its chart there (docs unless given)",
    )
    return parser.parse_args(arguments)


def _films(work: Path, plan: Plan, notes: list[str]) -> list[Film]:
    found = []
    if plan.real:
        shared = Path(os.environ.get("FAAAAACES_SHARED", films.ROOT.parent / "shared"))
        if (shared / HAMILTON).is_file():
            found.append(Film("hamilton.mp4, 360p", shared / HAMILTON, 0.5))
        else:
            notes.append("hamilton.mp4 was left out: the shared data is not here (set FAAAAACES_SHARED).")
            _say(notes[-1])
    width, height = plan.size
    path = work / f"generated {height}p.mp4"
    _say(f"making {path.name}")
    films.make_apart(path, size=(width, height), rate=plan.rate, seconds=plan.seconds, cycle=plan.cycle)
    return [*found, Film(f"generated, {height}p", path, 1.0)]


def _memory_films(work: Path, plan: Plan) -> dict[str, Film]:
    cycle = min(plan.lengths.values())
    return {
        name: Film(
            name,
            films.make_apart(work / f"{length} s.mp4", size=(640, 360), rate=5, seconds=length, cycle=cycle),
            1.0,
        )
        for name, length in plan.lengths.items()
    }


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
