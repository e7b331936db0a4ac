"""Turns what the speed part measured into Markdown. Values in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import packs, sizes
from benchmarks.report import table
from benchmarks.results import Comparison, MemoryRun, PackCost, Quartiles, SizeCell, Target, Verdict

MEMORY_TARGET = Target(0.03, at_least=False)
NOT_MEASURED = "not measured"

HOW_COMPARED = """\
Both sides take turns, frame set by frame set, each in a process of its own that is loaded and has done the same work
once; who begins changes every time. Frames and chips are handed over as arrays in memory. Both may use as many cores.
Ratios are formed within each turn. Figures are medians with the middle half of the measurements; *n* is their number.

- **DeepFace**: `DeepFace.extract_faces(frame, detector_backend="retinaface")`, then for each face
  `DeepFace.represent(face, model_name="ArcFace", detector_backend="skip")`, on its ONNX engine. Ours has the same two
  files. Their architecture is DeepFace's own, their weights are random, for the real ones cannot be had without a
  network; so boxes come out, but no faces. To have both go on with the same work, each runs its detector to the end,
  with DeepFace's threshold of 0.9, from the frame to the suppression of doubles, and is then told where the faces are:
  each cuts, aligns and embeds the same faces in its own way, and ours judges them too. Ours gets all frames of a turn
  at once, and embeds no mirror images here. DeepFace pads a frame by half on each side and scales the whole to
  1820x1024 pixels, so that the frame itself becomes 910x512.
- **mtcnn**: both search whole frames, not shrunk, for faces from 20 px on, with the package's thresholds. *as bundled* is
  what the bundled pack runs, *exact* is held to the package's own faces by the tests.
- **dlib**: aligned chips to descriptors, no mirror images; its best way, all chips in one call.
- **face_recognition**: `face_locations` and `face_encodings` as they are by default, against the whole bundled engine
  as it is by default, which shrinks frames to 640 px, judges each face and embeds its mirror image too."""

HOW_BARE = """\
The engine gets JPEG-decoded frames and gives faces with quality and embedding: it shrinks, letterboxes, runs the
detector, decodes and suppresses boxes, aligns, embeds, judges. *bare* is the same calls of `session.run` and nothing
else, on the very tensors that the engine had given to its networks in a run before, as many at once as there; both
take turns. The promise is about the batch size at which the engine is fastest."""

HOW_SIZES = """\
From the picture to boxes and landmarks, no embedder; the weights of the R50 graph are random, and what it finds is no face. *published* is what the README of a RetinaFace server (ResNet50, PyTorch) says about an Intel i9-14900K, a
desktop processor with 24 cores: another machine, for orientation only. One measurement only where it takes over ten seconds."""


HOW_MEMORY = """\
Resident memory of a process that looks at pictures of 48 to 320 px, one in fifty of them as large as a frame of a film,
in batches of one to eight, one picture in three with a face."""


@dataclass(frozen=True)
class Speed:
    """What the speed part measured; ``None`` where it was not asked for."""

    comparisons: list[Comparison] | None = None
    packs: list[PackCost] | None = None
    sizes: list[SizeCell] | None = None
    memory: list[MemoryRun] | None = None

    def adding(
        self,
        *,
        comparisons: list[Comparison] | None = None,
        packs: list[PackCost] | None = None,
        sizes: list[SizeCell] | None = None,
        memory: list[MemoryRun] | None = None,
    ) -> Speed:
        """The same with more measured."""
        return Speed(
            [*(self.comparisons or []), *comparisons] if comparisons is not None else self.comparisons,
            packs if packs is not None else self.packs,
            sizes if sizes is not None else self.sizes,
            memory if memory is not None else self.memory,
        )


def milliseconds(values: Quartiles) -> str:
    """Such as ``12.3 (12.1-12.6)``, with three digits that mean something."""
    digits = 0 if values.median >= 100 else 1 if values.median >= 10 else 2
    return f"{values.median:.{digits}f} ({values.first:.{digits}f}–{values.third:.{digits}f})"  # noqa: RUF001  # a range


def times(values: Quartiles) -> str:
    """Such as ``8.3x (8.1-8.4)``."""
    return f"{values.median:.1f}x ({values.first:.1f}–{values.third:.1f})"  # noqa: RUF001  # a range


def share(values: Quartiles) -> str:
    """Such as ``1.08 (1.07-1.10)``."""
    return f"{values.median:.2f} ({values.first:.2f}–{values.third:.2f})"  # noqa: RUF001  # a range


def holds(verdict: bool | None) -> str:
    """For a cell of a table."""
    return {True: "holds", False: "**no**", None: "–"}[verdict]  # noqa: RUF001  # no value


def comparison_table(comparisons: Sequence[Comparison]) -> str:
    """Ours against others."""
    head = ("same work", "against", "ours ms", "theirs ms", "faces", "times as fast", "n", "target", "")
    rows = []
    for one in comparisons:
        target = f"≥ {one.target.limit:g}x" if one.target else "–"  # noqa: RUF001  # no value
        if one.missing:
            rows.append((one.what, one.peer, *[NOT_MEASURED] * 2, "", "", "", target, holds(None)))
            continue
        verdict = one.target.holds(one.ratio.median) if one.target else None
        rows.append(
            (
                one.what,
                one.peer,
                milliseconds(one.milliseconds(one.ours)),
                milliseconds(one.milliseconds(one.theirs)),
                f"{one.our_faces} / {one.their_faces}",
                times(one.ratio),
                str(one.ratio.count),
                target,
                holds(verdict),
            )
        )
    return table(head, rows)


def bare_table(costs: Sequence[PackCost]) -> str:
    """Each pack at each batch size."""
    head = ("pack", "frames at once", "faces per frame", "engine ms per frame", "over bare", "n", "")
    rows = []
    for cost in costs:
        if cost.missing:
            rows.append((cost.pack, "", "", NOT_MEASURED, "", "", ""))
            continue
        for batch in cost.batches:
            best = batch is cost.best
            rows.append(
                (
                    cost.pack,
                    str(batch.batch),
                    f"{cost.faces:.1f}",
                    milliseconds(batch.milliseconds),
                    share(batch.ratio),
                    str(batch.ratio.count),
                    f"best; {holds(packs.TARGET.holds(batch.ratio.median))}" if best else "",
                )
            )
    return table(head, rows)


def step_table(costs: Sequence[PackCost]) -> str:
    """Where each pack's time goes."""
    shown = [cost for cost in costs if not cost.missing]
    rows = [(step, *(f"{cost.steps.get(step, 0.0):.2f}" for cost in shown)) for step in packs.STEPS]
    total = ("all", *(f"{sum(cost.steps.values()):.2f}" for cost in shown))
    return table(("ms per frame", *(f"{cost.pack}, {cost.best.batch} at once" for cost in shown)), [*rows, total])


def size_table(cells: Sequence[SizeCell]) -> str:
    """Milliseconds per picture by size and batch, with the published figures."""
    sides = sorted({cell.side for cell in cells})
    found = {(cell.detector, cell.batch, cell.side): cell for cell in cells}
    rows = []
    for batch in sorted({cell.batch for cell in cells}):
        for detector in dict.fromkeys(cell.detector for cell in cells):
            texts = [_size_cell(found.get((detector, batch, side))) for side in sides]
            rows.append((f"{detector}, batch {batch}", *texts))
        published = sizes.PUBLISHED.get(batch, {})
        rows.append((f"published, batch {batch}", *(str(published.get(side, "–")) for side in sides)))  # noqa: RUF001
    return table(("ms per picture", *(f"{side} px" for side in sides)), rows)


def _size_cell(cell: SizeCell | None) -> str:
    if cell is None or not cell.seconds:
        return "–"  # noqa: RUF001  # no value
    return milliseconds(cell.milliseconds) if len(cell.seconds) > 1 else f"{cell.milliseconds.median:.0f}, once"


def memory_table(runs: Sequence[MemoryRun]) -> str:
    """Resident memory by the number of pictures."""
    marks = list(dict.fromkeys(mark for run in runs for mark in run.marks))
    head = ("resident MiB after", *(f"{mark:,} pictures" for mark in marks), "seconds")
    rows = [
        (run.pack, *(f"{run.marks[mark]:.0f}" if mark in run.marks else "" for mark in marks), f"{run.seconds:.0f}")
        for run in runs
        if not run.missing
    ]
    return table(head, rows)


def verdicts(speed: Speed) -> list[Verdict]:
    """What was promised, and whether it holds."""
    found = []
    for one in speed.comparisons or []:
        if one.target and one.missing:
            found.append(Verdict(None, f"{one.what}, against {one.peer}: {one.missing}"))
        elif one.target:
            text = f"{one.what}, against {one.peer}: {one.ratio.median:.1f} times as fast, target {one.target.limit:g}"
            found.append(Verdict(one.target.holds(one.ratio.median), text))
    for cost in speed.packs or []:
        what = f"engine over bare networks, {cost.pack}"
        if cost.missing:
            found.append(Verdict(None, f"{what}: {cost.missing}"))
            continue
        ratio = cost.best.ratio.median
        text = f"{what}, {cost.best.batch} frames at once: {ratio:.2f}, limit {packs.TARGET.limit:g}"
        found.append(Verdict(packs.TARGET.holds(ratio), text))
    found += [Verdict(None, f"sizes, {text}") for text in _missing_sizes(speed.sizes or [])]
    for run in speed.memory or []:
        what = f"memory, {run.pack}"
        if run.missing:
            found.append(Verdict(None, f"{what}: {run.missing}"))
            continue
        first, last = min(run.marks), max(run.marks)
        text = f"{what}, {first:,} to {last:,} pictures: {run.growth:+.1%}, limit {MEMORY_TARGET.limit:.0%}"
        found.append(Verdict(MEMORY_TARGET.holds(run.growth), text))
    return found


def _missing_sizes(cells: Sequence[SizeCell]) -> list[str]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.missing:
            reasons.setdefault((cell.detector, cell.missing), []).append(f"{cell.side} px x {cell.batch}")
    return [f"{detector}, {', '.join(which)}: {why}" for (detector, why), which in reasons.items()]


def sections(speed: Speed, chart: str | None = None) -> list[str]:
    """The chapters, as paragraphs.

    Args:
        speed: What was measured.
        chart: Where the chart of the packs lies, seen from the report.
    """
    parts: list[str] = []
    if speed.comparisons is not None:
        remarks = [f"- {one.what}: {one.remark}." for one in speed.comparisons if one.remark]
        parts += ["## Against other tools", comparison_table(speed.comparisons), HOW_COMPARED, "\n".join(remarks)]
    if speed.packs is not None:
        parts += ["## What the engine adds to its networks", bare_table(speed.packs), HOW_BARE]
        parts += [f"{cost.pack}: {cost.remark}." for cost in speed.packs if cost.remark]
        if any(not cost.missing for cost in speed.packs):
            parts += ["### Where the time goes, by pack"]
            parts += [f"![Milliseconds per frame]({chart})"] if chart else []
            parts += [step_table(speed.packs)]
    if speed.sizes is not None:
        parts += ["## Detectors by size of the picture", size_table(speed.sizes), HOW_SIZES]
    if speed.memory is not None:
        parts += ["## Memory over many pictures", memory_table(speed.memory), HOW_MEMORY]
    return parts
