"""Turns the comparison of ways of sampling into Markdown. Values in, text out."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report import table
from benchmarks.results import Quartiles
from benchmarks.sampling import Sampled

HOW = """\
Decoding, comparing, looking (detector, embedder, quality) and linking; no database. The long film, 640x360, repeats
100 s with known appearances of two people: before a fixed camera, walking by in 1.6 s, cut in for 0.7 s, side by side;
in between an empty room and a street without anybody. *found*: appearances that at least one track of the right person
touches; of the clips, those with a track that counts. *covered*: share of all seconds on screen that such tracks
span. *compute* is time of all cores together; the ways take turns."""


def section(results: Sequence[Sampled]) -> str:
    """The chapter of the report."""
    head = (
        "film",
        "sampling",
        "interval s",
        "frames looked at",
        "faces",
        "found",
        "covered",
        "compute s",
        "found per s",
    )
    rows = [
        (
            one.film,
            one.sampling.value,
            f"{one.interval:g}",
            str(one.looked),
            str(one.faces),
            f"{one.found} of {one.appearances}",
            "" if one.covered is None else f"{one.covered:.1%}",
            _seconds(Quartiles.of(one.compute)),
            f"{one.found / Quartiles.of(one.compute).median:.1f}",
        )
        for one in results
    ]
    return f"## Ways of sampling\n\n{table(head, rows)}\n\n{HOW}"


def _seconds(values: Quartiles) -> str:
    return f"{values.median:.2f} ({values.first:.2f}–{values.third:.2f})"  # noqa: RUF001  # a range
