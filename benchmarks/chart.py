"""Draws where the time goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.figures import spread
from benchmarks.packs import STEPS
from benchmarks.pipeline import Measured
from benchmarks.results import PackCost

# told apart also by those who see red and green alike (Okabe and Ito)
PARTS = (
    ("decoding", "#0072B2", lambda run: run.decode),
    ("detector", "#56B4E9", lambda run: run.detect),
    ("embedder", "#009E73", lambda run: run.embed),
    ("rest", "#E69F00", lambda run: max(run.rest, 0.0)),
)
# networks dark, what is around them light and in the same hue
_STEP_COLOURS = dict(
    zip(
        STEPS,
        ("#999999", "#A6D5F2", "#0072B2", "#56B4E9", "#E69F00", "#009E73", "#8FD6BF", "#CC79A7", "#DDDDDD"),
        strict=True,
    )
)
_NARROWEST_LABEL = 0.045  # of the axis: narrower parts would have numbers over each other


def draw(films: Sequence[Measured], path: Path) -> None:
    """Writes a PNG: for each film one bar of processor time per frame, cut into its parts."""
    figure = Figure(figsize=(8, 1.4 + 0.7 * len(films)), layout="constrained")
    axes = figure.subplots()
    names = [f"{film.name}\n{film.faces / max(film.frames, 1):.1f} faces per frame" for film in films]
    left = [0.0] * len(films)
    for label, colour, read in PARTS:
        widths = [1000 * spread(film.cpu, read).median / max(film.frames, 1) for film in films]
        bars = axes.barh(names, widths, left=left, color=colour, label=label, height=0.55)
        axes.bar_label(bars, [f"{width:.1f}" for width in widths], label_type="center", fontsize=8)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds of processor time per sampled frame")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(PARTS), frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def draw_packs(costs: Sequence[PackCost], path: Path) -> None:
    """Writes a PNG: for each pack one bar of milliseconds per frame, cut into steps, each on a scale of its own."""
    figure = Figure(figsize=(9, 1.1 + 1.15 * len(costs)), layout="constrained")
    for axes, cost in zip(figure.subplots(len(costs), squeeze=False)[:, 0], costs, strict=True):
        left, whole = 0.0, sum(max(value, 0.0) for value in cost.steps.values())
        for step in STEPS:
            width = max(cost.steps.get(step, 0.0), 0.0)
            bars = axes.barh([""], [width], left=left, color=_STEP_COLOURS[step], label=step, height=0.6)
            if width > _NARROWEST_LABEL * whole:
                dark = "network" in step or "JPEG" in step
                colour = "white" if dark else "black"
                axes.bar_label(bars, [f"{width:.1f}"], label_type="center", fontsize=8, color=colour)
            left += width
        title = f"{cost.pack}: {whole:.1f} ms per frame, {cost.best.batch} at once, {cost.faces:.1f} faces per frame"
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xlim(0, whole)
        axes.tick_params(labelsize=8, left=False)
        axes.spines[["top", "right", "left"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
