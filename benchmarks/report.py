"""Turns what was measured into Markdown. Values in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from statistics import median

from benchmarks.figures import MOST_GROWTH, MOST_OWN_COST, Cost, Spread, growth, spread
from benchmarks.memory import Peak
from benchmarks.pipeline import STEPS, Measured
from benchmarks.results import Verdict

Rows = Sequence[Sequence[str]]
PARTS = ("decode", "detect", "embed", "rest", "total", "networks")

HOW = """\
Each run measures, one after the other: decoding alone (the sampler is read to its end, nobody looks at the frames);
the detector and the embedder alone, on exactly the pictures and chips that the pipeline gave them; their bare networks
alone (`session.run` and nothing around it), on exactly the inputs that they got, as parallel as in the pipeline; and
the whole pipeline on an empty library: the file is copied in and hashed, sampled, faces are found, judged and
embedded, crops and rows are stored, tracks linked, people grouped. The process has done one video before, as a worker
has: models are loaded, statements are compiled. Figures are medians of the runs, with the lowest and the highest.

**rest** is the whole less decoding, detector and embedder: what the pipeline adds. **own cost** is rest as a share of
these three; the promise of less than 15 % is about wall time. Decoding runs beside the models in a thread of its own,
so on the clock a part of it costs nothing, and own cost may even be negative. In processor time, whatever any thread
does is in the sum, and also how much slower cores become when they work side by side. **on top of the bare networks** is the strictest measure: there, what MTCNN does between its networks (pyramid of pictures, crops,
suppression), which is most of the difference, counts against the pipeline too."""


def table(head: Sequence[str], rows: Rows) -> str:
    """A Markdown table, the first column to the left and the rest to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [[f"{'-' * (widths[0] - 1)}-", *("-" * (max(width, 2) - 1) + ":" for width in widths[1:])]]
    cells = [list(head), *lines, *(list(row) for row in rows)]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in cells
    )


def seconds(values: Spread) -> str:
    """Such as ``1.23 (1.20-1.31)``."""
    return f"{values.median:.2f} ({values.low:.2f}–{values.high:.2f})"  # noqa: RUF001  # a range


def percent(values: Spread) -> str:
    """Such as ``+8 % (+7 to +11)``."""
    return f"{values.median:+.1%} ({values.low:+.1%} to {values.high:+.1%})".replace("%", " %")


def time_table(films: Sequence[Measured]) -> str:
    """Decode, detect, embed, rest: once on the clock, once in processor time."""
    head = ("film", "", "decode s", "detect s", "embed s", "rest s", "total s", "of it bare networks s")
    rows = [
        (film.name, unit, *(seconds(spread(runs, attrgetter(part))) for part in PARTS))
        for film in films
        for unit, runs in _by_unit(film)
    ]
    return table(head, rows)


def own_cost_table(films: Sequence[Measured]) -> str:
    """The pipeline's own cost, by three measures."""
    head = ("film", "", "own cost", "on top of the bare networks")
    rows = [
        (film.name, unit, *(percent(spread(runs, attrgetter(part))) for part in ("own_cost", "beside_networks")))
        for film in films
        for unit, runs in _by_unit(film)
    ]
    return table(head, rows)


def speed_table(films: Sequence[Measured]) -> str:
    """What a user gets."""
    head = (
        "film",
        "length s",
        "frames",
        "faces",
        "people",
        "frames/s",
        "x real time",
        "detect ms/frame",
        "embed ms/face",
    )
    rows = []
    for film in films:
        total, detect, embed = (_median(film.wall, part) for part in ("total", "detect", "embed"))
        rows.append(
            (
                film.name,
                f"{film.seconds:.0f}",
                str(film.frames),
                str(film.faces),
                str(film.people),
                f"{film.frames / total:.1f}",
                f"{film.seconds / total:.1f}",
                f"{1000 * detect / max(film.frames, 1):.1f}",
                f"{1000 * embed / max(film.faces, 1):.1f}",
            )
        )
    return table(head, rows)


def step_table(films: Sequence[Measured]) -> str:
    """Where the pipeline's main thread spends its time."""
    rows = [
        (
            step,
            *(f"{1000 * median(run.get(step, 0.0) for run in film.steps) / max(film.frames, 1):.2f}" for film in films),
        )
        for step in STEPS
    ]
    total = ("all", *(f"{1000 * _median(film.wall, 'total') / max(film.frames, 1):.2f}" for film in films))
    return table(("ms per frame", *(film.name for film in films)), [*rows, total])


def memory_table(peaks: Mapping[str, Sequence[Peak]]) -> str:
    """Peak memory by length of the film."""
    head = ("film", "frames", "faces", "peak MiB", "of it before any work", "peak after grouping", "seconds")
    rows = []
    for name, runs in peaks.items():
        peak = Spread.of([run.video_mib for run in runs])
        grouped = Spread.of([run.mib for run in runs]).median
        start = Spread.of([run.start_mib for run in runs]).median
        spent = Spread.of([run.seconds for run in runs]).median
        text = f"{peak.median:.0f} ({peak.low:.0f}–{peak.high:.0f})"  # noqa: RUF001  # a range
        counts = (str(runs[0].frames), str(runs[0].faces))
        rows.append((name, *counts, text, f"{start:.0f}", f"{grouped:.0f}", f"{spent:.0f}"))
    return table(head, rows)


def verdicts(films: Sequence[Measured] | None, peaks: Mapping[str, Sequence[Peak]] | None) -> list[Verdict]:
    """What was promised, and whether it holds."""
    found = []
    for film in films or ():
        own = _median(film.wall, "own_cost")
        found.append(Verdict(own < MOST_OWN_COST, f"own cost, {film.name}: {own:+.1%}, limit {MOST_OWN_COST:.0%}"))
    if peaks:
        short, long = list(peaks.values())
        grown = growth([peak.video_mib for peak in short], [peak.video_mib for peak in long])
        text = f"growth of peak memory, {' to '.join(peaks)}: {grown:+.1%}, limit {MOST_GROWTH:.0%}"
        found.append(Verdict(grown <= MOST_GROWTH, text))
    return found


def time_sections(films: Sequence[Measured], chart: str | None = None) -> list[str]:
    """Where the pipeline's time goes, as paragraphs."""
    parts = ["## The whole pipeline: where the time goes", time_table(films)]
    parts += [f"![Milliseconds per sampled frame]({chart})"] if chart else []
    parts += [own_cost_table(films), HOW, "## Speed of the whole pipeline", speed_table(films)]
    parts.append("detect and embed are the models alone; the embedder looks at each face and at its mirror image.")
    parts += ["## Steps of the pipeline", step_table(films)]
    parts.append("Wall time of the thread that leads; the decoder works ahead in another one.")
    return parts


def memory_sections(peaks: Mapping[str, Sequence[Peak]]) -> list[str]:
    """Peak memory, as paragraphs."""
    return [
        "## Memory over the length of a video",
        memory_table(peaks),
        "Peak resident memory of a process that ingests one film; both films have the same frame rate and pictures. The "
        "grouping comes after the video's own job and looks at the tracks of the whole library; it grows with them.",
    ]


def page(about: Mapping[str, str], notes: Sequence[str], promised: Sequence[Verdict], sections: Sequence[str]) -> str:
    """The whole report as Markdown."""
    words = {True: "holds", False: "**does not hold**", None: "not measured"}
    parts = ["# Benchmarks", "Made by `make bench ARGS=--write`; do not edit by hand."]
    parts.append("\n".join(f"- {name}: {value}" for name, value in about.items()))
    parts += [f"Note: {note}" for note in notes]
    parts.append("\n".join(f"- {words[verdict.holds]}: {verdict.text}" for verdict in promised))
    return "\n\n".join(part for part in [*parts, *sections] if part) + "\n"


def _by_unit(film: Measured) -> tuple[tuple[str, list[Cost]], ...]:
    return ("wall time", film.wall), ("processor time", film.cpu)


def _median(runs: Sequence[Cost], part: str) -> float:
    return spread(runs, attrgetter(part)).median
