"""Turns the figures of the search into Markdown. Values in, text out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.report import table
from benchmarks.results import Verdict
from benchmarks.search import APPROXIMATE, EXACT, NEW_FACES, TOP, Index, Searched

PROMISED_FACES = 1_000_000
EXACT_MS, APPROXIMATE_MS, APPROXIMATE_RECALL = 60.0, 5.0, 0.98
HOW = f"""\
One search at a time for the {TOP} nearest of so many faces of 512 numbers, by further faces of the same people; no
database and no picture. *recall* is the share of the nearest, by similarity in `float32`, that was found. *float32*
compares with all of them. *p50* and *p95* are of single searches; *compute* is processor time of all cores together."""
TAKES = f"""\
What the index takes: *codes* are what an exact search looks through; *adding* is until {NEW_FACES:,} new faces can be
found and as many old ones no longer, once the database has told them."""


def section(found: Sequence[Index]) -> str:
    """The chapter of the report."""
    head = ("search", "faces", "p50 ms", "p95 ms", "compute ms", "recall")
    rows = [_row(way) for index in found for way in index.ways]
    takes = ("faces", "vectors MiB", "codes MiB", "making codes s", "adding ms")
    sizes = [
        (
            f"{index.faces:,}",
            f"{index.vectors_mib:,.0f}",
            f"{index.codes_mib:,.0f}",
            f"{index.codes_seconds:.1f}",
            f"{1000 * index.adding_seconds:.1f}",
        )
        for index in found
    ]
    return "\n\n".join(["## Searching for a face", HOW, table(head, rows), TAKES, table(takes, sizes)])


def verdicts(found: Sequence[Index]) -> list[Verdict]:
    """Whether searches among a million faces are as quick and as right as was promised."""
    large = [index for index in found if index.faces >= PROMISED_FACES]
    if not large:
        return []
    ways = {way.way: way for way in large[-1].ways}
    exact, quick = ways[EXACT], ways[APPROXIMATE]
    return [
        Verdict(
            _p50(exact) <= EXACT_MS and exact.recall == 1.0,
            f"exact search among {exact.faces:,} faces: {_p50(exact):.1f} ms at recall {exact.recall:.4f} "
            f"({EXACT_MS:g} ms at 1 was promised)",
        ),
        Verdict(
            _p50(quick) <= APPROXIMATE_MS and quick.recall >= APPROXIMATE_RECALL,
            f"approximate search among {quick.faces:,} faces: {_p50(quick):.1f} ms at recall {quick.recall:.4f} "
            f"({APPROXIMATE_MS:g} ms at {APPROXIMATE_RECALL:g} was promised)",
        ),
    ]


def _row(way: Searched) -> tuple[str, ...]:
    p95 = 1000 * float(np.percentile(way.seconds, 95))
    compute = 1000 * float(np.median(way.compute))
    return way.way, f"{way.faces:,}", f"{_p50(way):.1f}", f"{p95:.1f}", f"{compute:.1f}", f"{way.recall:.4f}"


def _p50(way: Searched) -> float:
    return 1000 * float(np.median(way.seconds))
