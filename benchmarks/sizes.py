"""Detectors on square pictures: milliseconds per picture by size and batch, beside what a face server published."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from app.domain import Image
from app.errors import AppError
from app.vision import FaceEngine
from benchmarks import frames
from benchmarks.engines import REFERENCE, MissingError, Weights
from benchmarks.results import SizeCell

_DETECTORS = {REFERENCE: "RetinaFace-R50", "retinaface-mobile": "RetinaFace-MobileNet0.25"}

# README of the Simple Face Detection Server, "(CPU) Average Time Per Image": RetinaFace with ResNet50 on an Intel
# i9-14900K, a desktop processor of 24 cores at up to 6 GHz.
PUBLISHED = {
    1: {256: 44, 512: 94, 1024: 303, 2048: 378},
    4: {256: 23, 512: 69, 1024: 267, 2048: 344},
    16: {256: 17, 512: 63, 1024: 261, 2048: 342},
}
# Repetitions cost minutes with large batches: after so many seconds no further one begins.
_SECONDS_PER_CELL = 20.0


def measure(
    names: Sequence[str],
    weights: Weights,
    sides: Sequence[int],
    batches: Sequence[int],
    repetitions: int,
    budget: float,
    say: Callable[[str], None],
) -> list[SizeCell]:
    """Measures detectors, without an embedder.

    Args:
        names: Packs whose detectors these are.
        weights: Gets their weights.
        sides: Of the pictures, in pixels.
        batches: Pictures at once.
        repetitions: How often at most; large ones are done less often, but at least once.
        budget: Seconds for each detector; what would go beyond it is skipped and said to be.
        say: Told how far it is.
    """
    cells = []
    for pack in names:
        name = _DETECTORS[pack]
        try:
            engine = weights.engine(pack, detection_size=max(sides))
        except (MissingError, AppError) as error:
            say(f"not measured: {name}: {error}")
            cells += [SizeCell(name, side, batch, missing=str(error)) for batch in batches for side in sides]
            continue
        cells += _grid(name, engine, sides, batches, repetitions, budget, say)
    return cells


def _grid(
    name: str,
    engine: FaceEngine,
    sides: Sequence[int],
    batches: Sequence[int],
    repetitions: int,
    budget: float,
    say: Callable[[str], None],
) -> list[SizeCell]:
    cells, spent = [], 0.0
    per_pixel = 0.0  # the slowest so far, to tell what is to come
    for batch in batches:
        for side in sides:
            expected = per_pixel * side * side * batch
            if spent + expected > budget:
                cells.append(SizeCell(name, side, batch, missing=f"skipped: it would take {expected:.0f} s"))
                continue
            cell = SizeCell(name, side, batch, _times(engine, side, batch, repetitions))
            spent += sum(cell.seconds)
            per_pixel = max(per_pixel, min(cell.seconds) / (side * side * batch)) if side > min(sides) else per_pixel
            cells.append(cell)
            say(f"{name}, {side} px, {batch} at once: {cell.milliseconds.median:.0f} ms per picture")
    return cells


def _times(engine: FaceEngine, side: int, batch: int, repetitions: int) -> list[float]:
    pictures = frames.squares(side, batch)
    first = _clocked(engine, pictures)  # sets things up for this shape
    times: list[float] = []
    # where one run takes so long, setting up is nothing beside it
    if first > _SECONDS_PER_CELL / 2:
        return [first]
    while len(times) < repetitions and first + sum(times) < _SECONDS_PER_CELL:
        times.append(_clocked(engine, pictures))
    return times


def _clocked(engine: FaceEngine, pictures: list[Image]) -> float:
    started = time.perf_counter()
    engine.detect(pictures)
    return time.perf_counter() - started
