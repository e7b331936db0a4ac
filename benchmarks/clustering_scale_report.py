"""Turns the scale of grouping into Markdown. Values in, text out."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.clustering_scale import ADDING, DBSCAN_DISTANCE, LINKAGE_DISTANCE, NEW_FACES, OURS, Grouped
from benchmarks.report import table
from benchmarks.results import Target, Verdict

HOW = f"""\
Made-up faces of 512 numbers whose similarities are those of real faces (`tools/synthetic.py`), few people with many
faces and many with one. Each row is a process of its own; *peak* is all of its memory, the faces included (`float16`
for ours). *right* is the adjusted Rand index against the truth, *like exact DBSCAN* against a DBSCAN that looks at
every pair. *processor* is time of all cores together. Average linkage and communities stop at a distance of {LINKAGE_DISTANCE}, DBSCAN's radius is {DBSCAN_DISTANCE}.
*Adding* finds the neighbours of {NEW_FACES:,} new faces and puts them into the inverted lists. The loop compares each
face with all others, one after the other, and lets it join its nearest's person."""

_SECONDS = {100_000: 30.0, 1_000_000: 300.0}
_PEAK_GIB = {1_000_000: 6e9 / 2**30}
_ADDING_SECONDS = {1_000_000: 2.0}
_AGREEMENT = 0.995


def section(results: Sequence[Grouped]) -> str:
    """The chapter of the report."""
    head = ("faces", "way", "seconds", "processor s", "peak GiB", "right", "like exact DBSCAN")
    rows = [
        (
            f"{one.nodes:,}",
            one.way,
            _seconds(one.seconds),
            _seconds(one.processor),
            f"{one.peak_gib:.2f}",
            "" if one.right is None else f"{one.right:.4f}",
            "" if one.agreement is None else f"{one.agreement:.4f}",
        )
        for one in sorted(results, key=lambda one: one.nodes)
    ]
    return f"## Grouping, by number of faces\n\n{table(head, rows)}\n\n{HOW}"


def verdicts(results: Sequence[Grouped]) -> list[Verdict]:
    """What was promised, and whether it holds."""
    found = []
    for one in results:
        name = f"grouping {one.nodes:,} faces, {one.way}"
        if one.way in OURS and one.nodes in _SECONDS:
            found.append(_verdict(name, one.seconds, Target(_SECONDS[one.nodes], at_least=False), "s"))
        if one.way in OURS and one.nodes in _PEAK_GIB:
            found.append(_verdict(f"{name}, peak", one.peak_gib, Target(_PEAK_GIB[one.nodes], at_least=False), "GiB"))
        if one.way == ADDING and one.nodes in _ADDING_SECONDS:
            limit = Target(_ADDING_SECONDS[one.nodes], at_least=False)
            found.append(_verdict(f"{one.way} to {one.nodes:,} faces", one.seconds, limit, "s"))
        if one.agreement is not None:
            found.append(_verdict(f"{name}, like exact", one.agreement, Target(_AGREEMENT, at_least=True), ""))
    return found


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _verdict(name: str, value: float, target: Target, unit: str) -> Verdict:
    text = f"{name}: {value:.4g} {unit}".strip() + f", limit {target.limit:.4g}"
    return Verdict(target.holds(value), text)
