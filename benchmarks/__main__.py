"""Runs all benchmarks, or those that are asked for, and prints the report; see ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import films, machine, report
from benchmarks.plan import FULL, PARTS, QUICK
from benchmarks.session import Session


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints, and writes where asked.

    Returns:
        The exit status: 1 where a part broke, or where ``--check`` was given and something promised does not hold.
    """
    wanted = _parse(arguments)
    plan = (QUICK if wanted.quick else FULL).with_runs(wanted.runs, wanted.memory_runs)
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", **machine.describe()}
    notes = [remark for remark in [machine.busy()] if remark]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        session = Session(plan, Path(folder), _say, with_peers=not wanted.no_peers)
        for name in PARTS:
            if name in wanted.parts:
                session.measure(name)
        if len(wanted.parts) < len(PARTS):
            notes.append(f"only these parts were measured: {', '.join(wanted.parts)}.")
        about["measured in"] = f"{(time.monotonic() - began) / 60:.0f} minutes"
        notes += session.notes
        print(report.page(about, notes, session.verdicts(), session.sections()))
        if wanted.write is not None:
            charts = session.draw(wanted.write)
            text = report.page(about, notes, session.verdicts(), session.sections(charts))
            (wanted.write / "benchmarks.md").write_text(text, encoding="utf-8")
    held = all(verdict.holds is not False for verdict in session.verdicts())
    return 1 if session.broken or (wanted.check and not held) else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures time and memory.")
    parser.add_argument("--quick", action="store_true", help="a small version: does it work at all?")
    parser.add_argument("--only", type=_names, metavar="PARTS", help=f"some of: {','.join(PARTS)}")
    parser.add_argument("--skip", type=_names, default=[], metavar="PARTS", help="all but these")
    parser.add_argument("--no-peers", action="store_true", help="do not install or measure other people's tools")
    parser.add_argument("--runs", type=int, metavar="N", help="times everything is measured that is measured in time")
    parser.add_argument("--memory-runs", type=int, metavar="N", help="times a video's memory is measured")
    parser.add_argument("--check", action="store_true", help="fail where something promised does not hold")
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        const=films.ROOT / "docs",
        metavar="FOLDER",
        help="write benchmarks.md and its charts there (docs unless given)",
    )
    wanted = parser.parse_args(arguments)
    chosen = PARTS if wanted.only is None else wanted.only
    wanted.parts = [name for name in PARTS if name in chosen and name not in wanted.skip]
    return wanted


def _names(text: str) -> list[str]:
    names = [name for name in text.replace(" ", ",").split(",") if name]
    unknown = sorted(set(names) - set(PARTS))
    if unknown:
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return names


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
