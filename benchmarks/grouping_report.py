"""Turns the comparison of algorithms into Markdown and charts. Values in, text and pictures out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from app.clustering.algorithms import ALGORITHMS
from benchmarks.grouping import Scored
from benchmarks.report import table

HOW = """\
*BCubed* is the mean over faces, *pairs* over pairs of faces; *purity* is the share of faces that are with their own, *too many* how
many groups there are beyond one for each person. Every algorithm runs at the pack's distance times its share, with hard rules from frames.
Noise faces are blurred strangers, each a person of their own; *known as poor* means that the measure of quality found
them out, so they only attach. Seconds are those of one run; they say little where the machine was busy."""

# told apart also by those who see red and green alike (Okabe and Ito)
_COLOURS = dict(zip(ALGORITHMS, ("#0072B2", "#E69F00", "#009E73", "#CC79A7"), strict=True))
_MARKS = dict(zip(ALGORITHMS, "osD^", strict=True))


def section(results: Sequence[Scored]) -> str:
    """The chapter of the report."""
    parts = ["## Algorithms of grouping", HOW]
    for kind, some in groupby(results, key=lambda one: one.kind):
        parts += [f"### {kind[0].upper()}{kind[1:]}", _table(list(some))]
    return "\n\n".join(parts)


def _table(results: Sequence[Scored]) -> str:
    head = ("set", "algorithm", "BCubed F", "precision", "recall", "pairs F", "purity", "people", "too many", "seconds")
    rows = [
        (
            one.name,
            one.algorithm,
            f"{one.by_item.f:.3f}",
            f"{one.by_item.precision:.3f}",
            f"{one.by_item.recall:.3f}",
            f"{one.by_pair.f:.3f}",
            f"{one.purity:.3f}",
            f"{one.people:,}",
            f"{one.splits:,}",
            f"{one.seconds:.1f}" if one.seconds >= 0.1 else f"{one.seconds:.2f}",
        )
        for one in results
    ]
    return table(head, rows)


def draw(results: Sequence[Scored], folder: Path) -> list[str]:
    """Draws the charts.

    Args:
        results: Of all sets.
        folder: Where ``images/`` is, or will be.

    Returns:
        Their paths, seen from ``folder``.
    """
    made_up = [one for one in results if one.size and "known" not in one.name]
    real = [one for one in results if not one.size]
    drawn = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for name, some, paint in (
        ("grouping-real", real, _draw_real),
        ("grouping-made-up", made_up, _draw_made_up),
    ):
        if some:
            path = Path("images") / f"{name}.png"
            paint(some).savefig(folder / path, dpi=90)
            drawn.append(str(path))
    return drawn


def _draw_real(results: Sequence[Scored]) -> Figure:
    kinds = list(dict.fromkeys(one.kind for one in results))
    figure = Figure(figsize=(10, 0.6 + 2.9 * len(kinds)), layout="constrained")
    for axes, kind in zip(figure.subplots(len(kinds), squeeze=False)[:, 0], kinds, strict=True):
        some = [one for one in results if one.kind == kind]
        names = list(dict.fromkeys(one.name for one in some))
        for place, algorithm in enumerate(ALGORITHMS):
            values = [one.by_item.f for one in some if one.algorithm == algorithm]
            where = [number + 0.2 * (place - 1.5) for number in range(len(names))]
            axes.bar(where, values, width=0.18, color=_COLOURS[algorithm], label=algorithm)
        axes.set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names], fontsize=7)
        axes.set_ylim(0.6, 1.0)
        axes.set_title(kind, fontsize=9, loc="left")
        _finish(axes, "BCubed F")
    _legend(figure)
    return figure


def _draw_made_up(results: Sequence[Scored]) -> Figure:
    kinds = list(dict.fromkeys(one.kind for one in results))
    figure = Figure(figsize=(10, 0.6 + 2.7 * len(kinds)), layout="constrained")
    ways: tuple[tuple[str, Callable[[Scored], float]], ...] = (
        ("faces", lambda one: one.size),
        ("noise faces, %", lambda one: 100 * (one.noise or 0.0)),
    )
    grid = figure.subplots(len(kinds), 3, squeeze=False)
    for row, kind in zip(grid, kinds, strict=True):
        some = [one for one in results if one.kind == kind]
        by_size, by_noise = _by_size(some), _by_noise(some)
        _lines(row[0], by_size, ways[0][1], lambda one: one.by_item.f)
        _lines(row[1], by_size, ways[0][1], lambda one: one.by_item.precision)
        _lines(row[2], by_noise, ways[1][1], lambda one: one.by_item.f)
        row[0].set_xscale("log")
        row[1].set_xscale("log")
        for axes, label in zip(row, (ways[0][0], ways[0][0], ways[1][0]), strict=True):
            axes.set_xlabel(label, fontsize=8)
        row[0].set_title(kind, fontsize=9, loc="left")
        for axes, label in zip(row, ("BCubed F", "BCubed precision", "BCubed F"), strict=True):
            _finish(axes, label)
    _legend(figure)
    return figure


def _by_size(results: Sequence[Scored]) -> list[Scored]:
    """Those at the noise that most sizes have."""
    noises = [one.noise for one in results]
    usual = max(set(noises), key=noises.count)
    return sorted((one for one in results if one.noise == usual), key=lambda one: one.size)


def _by_noise(results: Sequence[Scored]) -> list[Scored]:
    """Those of the size that most noises have."""
    sizes = [one.size for one in results]
    usual = max(set(sizes), key=sizes.count)
    return sorted((one for one in results if one.size == usual), key=lambda one: one.noise or 0.0)


def _lines(
    axes: Axes, results: Sequence[Scored], across: Callable[[Scored], float], upwards: Callable[[Scored], float]
) -> None:
    for algorithm in ALGORITHMS:
        some = [one for one in results if one.algorithm == algorithm]
        axes.plot(
            [across(one) for one in some],
            [upwards(one) for one in some],
            color=_COLOURS[algorithm],
            marker=_MARKS[algorithm],
            markersize=4,
            linewidth=1.2,
            label=algorithm,
        )


def _finish(axes: Axes, label: str) -> None:
    axes.set_ylabel(label, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure) -> None:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(ALGORITHMS), frameon=False, fontsize=8)
