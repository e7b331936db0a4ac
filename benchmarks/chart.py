"""Draws where the time goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.figures import spread
from benchmarks.pipeline import Measured

# told apart also by those who see red and green alike (Okabe and Ito)
PARTS = (
    ("decoding", "#0072B2", lambda run: run.decode),
    ("detector", "#56B4E9", lambda run: run.detect),
    ("embedder", "#009E73", lambda run: run.embed),
    ("rest", "#E69F00", lambda run: max(run.rest, 0.0)),
)


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
