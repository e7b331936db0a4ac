"""What each pack's engine adds to its bare networks, and where its time goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any
from unittest.mock import patch

import cv2

from app.domain import Image
from app.errors import AppError
from app.vision import FaceEngine, letterbox
from app.vision import engine as engine_module
from app.vision.pictures import to_images
from benchmarks import bare, frames
from benchmarks.against_deepface import Faces, known_faces, look
from benchmarks.bare import Interval
from benchmarks.engines import REFERENCE, MissingError, Weights
from benchmarks.results import BatchCost, PackCost, Target, alternate

TARGET = Target(1.15, at_least=False)
# Pictures at once, on average, from which on they count as looked at side by side.
_SIDE_BY_SIDE = 1.1
STEPS = (
    "decoding the JPEG",
    "shrinking, letterboxing",
    "detector's network",
    "boxes: decoding, suppression, crops",
    "aligning",
    "embedder's network",
    "around the embedder",
    "judging quality",
    "other",
)


def measure(
    names: Sequence[str],
    weights: Weights,
    size: tuple[int, int],
    batches: Sequence[int],
    repetitions: int,
    say: Callable[[str], None],
) -> list[PackCost]:
    """Measures some packs.

    Args:
        names: Their names.
        weights: Gets their weights.
        size: Width and height of the frames.
        batches: Batch sizes; the largest one tells how many frames there are.
        repetitions: How often each is measured.
        say: Told how far it is.
    """
    pictures = frames.views(size, max(batches))
    known = known_faces(weights.engine("bundled"), pictures, 3)
    return [_measure(pack, weights, pictures, known, batches, repetitions, say) for pack in names]


def _measure(
    pack: str,
    weights: Weights,
    pictures: list[Image],
    known: Faces,
    batches: Sequence[int],
    repetitions: int,
    say: Callable[[str], None],
) -> PackCost:
    try:
        engine = weights.engine(pack)
    except (MissingError, AppError) as error:
        say(f"not measured: {pack}: {error}")
        return PackCost(pack, missing=str(error))
    told = pack == REFERENCE  # its weights are random: nothing would be embedded
    work = _told(engine, known) if told else _free(engine)
    costs = []
    for batch in batches:
        costs.append(_at(batch, work, pictures, repetitions))
        say(f"{pack}, {batch} at once: {costs[-1].milliseconds.median:.1f} ms, {costs[-1].ratio.median:.2f} of bare")
    cost = PackCost(pack, "random weights; told where the faces are" if told else "", batches=costs)
    steps, faces = _steps(engine, work, cost.best.batch, pictures, repetitions)
    return PackCost(pack, cost.remark, faces, costs, steps)


Work = Callable[[list[Image], int], int]


def _told(engine: FaceEngine, known: Faces) -> Work:
    return lambda pictures, start: look(engine, pictures, known[start : start + len(pictures)])


def _free(engine: FaceEngine) -> Work:
    return lambda pictures, _start: sum(len(faces) for faces in engine.analyse(pictures))


def _in_batches(work: Work, pictures: list[Image], batch: int) -> int:
    return sum(work(pictures[start : start + batch], start) for start in range(0, len(pictures), batch))


def _at(batch: int, work: Work, pictures: list[Image], repetitions: int) -> BatchCost:
    _in_batches(work, pictures, batch)  # what is done once only must not be on the tape
    with bare.taped() as tape:
        _in_batches(work, pictures, batch)

    def engine() -> float:
        started = time.perf_counter()
        _in_batches(work, pictures, batch)
        return time.perf_counter() - started

    return BatchCost(batch, len(pictures), *alternate(repetitions, engine, lambda: bare.replay(tape)))


def _steps(
    engine: FaceEngine, work: Work, batch: int, pictures: list[Image], repetitions: int
) -> tuple[dict[str, float], float]:
    """Median milliseconds per frame by step, and faces per frame."""
    jpegs = [
        cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes() for picture in pictures
    ]
    runs, faces = [], 0
    for _ in range(repetitions):
        started = time.perf_counter()
        to_images(jpegs)
        decoded = time.perf_counter() - started
        parts, faces = _run(engine, work, batch, pictures)
        runs.append({STEPS[0]: decoded, **parts})
    steps = {name: 1000 * median(run[name] for run in runs) / len(pictures) for name in STEPS}
    return steps, faces / len(pictures)


def _run(engine: FaceEngine, work: Work, batch: int, pictures: list[Image]) -> tuple[dict[str, float], int]:
    before = vars(engine.timings).copy()
    marks: dict[str, list[Interval]] = {name: [] for name in ("find", "shrink", "fill", "embed")}
    with ExitStack() as stack:
        stack.enter_context(patch.object(engine, "_find", _marked(engine._find, marks["find"])))
        stack.enter_context(patch.object(engine_module, "_shrink", _marked(engine_module._shrink, marks["shrink"])))
        stack.enter_context(patch.object(letterbox, "fill", _marked(letterbox.fill, marks["fill"])))
        embedder = engine._embedder
        stack.enter_context(patch.object(embedder, "embed", _marked(embedder.embed, marks["embed"])))
        tape = stack.enter_context(bare.taped(keep_inputs=False))
        started = time.perf_counter()
        faces = _in_batches(work, pictures, batch)
        total = time.perf_counter() - started
    spent = {name: value - before[name] for name, value in vars(engine.timings).items()}
    embedding = bare.union(marks["embed"])
    runs = [(call.begin, call.end) for call in tape.calls]
    inside = [run for run in runs if any(begin <= run[0] <= end for begin, end in embedding)]
    detecting = [run for run in runs if run not in inside]
    waiting, network = _within(marks["find"], [*marks["shrink"], *marks["fill"]], detecting)
    embedder_network = bare.length(inside)
    parts = (
        waiting,
        network,
        spent["detect"] - waiting - network,
        spent["align"],
        embedder_network,
        spent["embed"] - embedder_network,
        spent["quality"],
        total - sum(spent[name] for name in ("detect", "align", "embed", "quality")),
    )
    return dict(zip(STEPS[1:], parts, strict=True)), faces


def _within(finds: list[Interval], filling: list[Interval], networks: list[Interval]) -> tuple[float, float]:
    """Seconds of detecting that go into making tensors and into networks."""
    at_once = sum(end - begin for begin, end in finds) / max(bare.length(finds), 1e-9)
    if at_once < _SIDE_BY_SIDE:
        # tensors are filled while the network is at work; only what it waits for counts
        return bare.outside(filling, networks), bare.length(networks)
    # pictures are looked at side by side: each second of one of them is a part of a second
    waiting, network = (sum(end - begin for begin, end in each) / at_once for each in (filling, networks))
    return waiting, network


def _marked(call: Callable[..., Any], marks: list[Interval]) -> Callable[..., Any]:
    def marked(*args: Any, **kwargs: Any) -> Any:
        begin = time.perf_counter()
        try:
            return call(*args, **kwargs)
        finally:
            marks.append((begin, time.perf_counter()))

    return marked
