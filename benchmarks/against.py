"""Ours against other people's tools, on the same frames, in turns: MTCNN, dlib and face_recognition."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.domain import Image
from app.errors import AppError
from app.vision import FaceEngine
from app.vision.build import build_detector
from app.vision.embedders.dlib_resnet import DlibEmbedder
from app.vision.packs import get_pack
from app.vision.parts import Detector
from app.vision.runtime import RuntimeOptions
from benchmarks import frames
from benchmarks.engines import Weights
from benchmarks.peers import Peer, PeerError
from benchmarks.results import Comparison, Target, alternate

MTCNN_TARGET = Target(5.0, at_least=True)
DLIB_TARGET = Target(20.0, at_least=True)
FACE_RECOGNITION_TARGET = Target(5.0, at_least=True)

SMALLEST, CONFIDENCE = 20, 0.8  # the defaults of the mtcnn package
CHIPS = 32


@dataclass(frozen=True)
class Bench:
    """What a comparison needs.

    Attributes:
        weights: Of our packs.
        python: Gives the Python of the peers' environment, or raises PeerError.
        folder: For files that are handed over.
        repetitions: How often each side is measured.
        count: Frames of a repetition.
        sizes: Width and height of the frames, by name.
        say: Told how far it is.
    """

    weights: Weights
    python: Callable[[], Path]
    folder: Path
    repetitions: int
    count: int
    sizes: dict[str, tuple[int, int]]
    say: Callable[[str], None]

    def handed(self, name: str, pictures: Sequence[Image]) -> str:
        """Writes pictures for a peer."""
        return str(frames.save(self.folder / f"{name}.npy", pictures))


def clocked(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def turns(
    bench: Bench,
    comparison: Comparison,
    ours: Callable[[], int],
    theirs: Callable[[], tuple[float, int]],
) -> Comparison:
    """Fills in a comparison.

    Args:
        bench: How often.
        comparison: What is compared, without figures.
        ours: Does the work and tells how many faces there were.
        theirs: The same, with the seconds that it took.
    """
    faces = {}

    def our_turn() -> float:
        started = time.perf_counter()
        faces["ours"] = ours()
        return time.perf_counter() - started

    def their_turn() -> float:
        seconds, faces["theirs"] = theirs()
        return seconds

    times = alternate(bench.repetitions, our_turn, their_turn)
    done = replace(comparison, ours=times[0], theirs=times[1], our_faces=faces["ours"], their_faces=faces["theirs"])
    bench.say(f"{done.what}, against {done.peer}: {done.ratio.median:.1f} times as fast")
    return done


def ask(peer: Peer, do: str, **task: object) -> tuple[float, int]:
    """Gives a peer a task; its seconds and faces."""
    answer = peer.ask(do, **task)
    return float(answer["seconds"]), int(answer["faces"])


def missing(bench: Bench, planned: Sequence[Comparison], why: str) -> list[Comparison]:
    """The comparisons that could not be made."""
    bench.say(f"not measured: {planned[0].peer}: {why}")
    return [replace(comparison, missing=why) for comparison in planned]


def mtcnn(bench: Bench) -> list[Comparison]:
    """Our MTCNN, both variants, against the package, on whole frames."""
    cases = [
        (size, pack, Comparison(f"MTCNN, {variant}, {size}", "mtcnn", bench.count, MTCNN_TARGET))
        for size in bench.sizes
        for variant, pack in (("as bundled", "bundled"), ("exact", "bundled-exact"))
    ]
    try:
        with Peer(bench.python(), "mtcnn", bench.folder) as peer:
            bench.say(peer.about)
            return [_mtcnn(bench, peer, *case) for case in cases]
    except PeerError as error:
        return missing(bench, [case[2] for case in cases], str(error))


def _mtcnn(bench: Bench, peer: Peer, size: str, pack: str, planned: Comparison) -> Comparison:
    views = frames.views(bench.sizes[size], bench.count)
    handed = bench.handed(f"mtcnn-{size}", views)
    named = replace(planned, peer=peer.about)
    try:
        detector = build_detector(get_pack(pack), bench.weights.files, RuntimeOptions())
    except AppError as error:
        return missing(bench, [named], str(error))[0]
    return turns(
        bench,
        named,
        lambda: _count(detector, views),
        lambda: ask(peer, "detect", frames=handed, smallest=SMALLEST, confidence=CONFIDENCE),
    )


def _count(detector: Detector, views: list[Image]) -> int:
    return sum(len(faces) for faces in detector.detect(views, min_face_size=SMALLEST, confidence=CONFIDENCE))


def dlib(bench: Bench) -> list[Comparison]:
    """Our form of dlib's network against dlib, on chips that are cut already and looked at once."""
    planned = Comparison(f"dlib's embeddings of {CHIPS} faces", "dlib", CHIPS, DLIB_TARGET)
    chips = _chips(bench)
    handed = bench.handed("chips", list(chips))
    embedder = DlibEmbedder(bench.weights.files.cache)
    try:
        with Peer(bench.python(), "dlib", bench.folder) as peer:
            bench.say(peer.about)
            return [
                turns(
                    bench,
                    replace(planned, peer=peer.about),
                    lambda: len(embedder.describe(chips)),
                    lambda: ask(peer, "embed", chips=handed),
                )
            ]
    except PeerError as error:
        return missing(bench, [planned], str(error))


def _chips(bench: Bench) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Faces of the views, over and over until there are enough."""
    engine = bench.weights.engine("bundled")
    views = frames.views(frames.SIZES["720p"], 4)
    embedder = DlibEmbedder(bench.weights.files.cache)
    found = [
        embedder.cut(view, face) for view, faces in zip(views, engine.detect(views), strict=True) for face in faces
    ]
    return np.stack([found[number % len(found)] for number in range(CHIPS)])


def face_recognition(bench: Bench) -> list[Comparison]:
    """Our whole engine as it is by default against ``face_locations`` and ``face_encodings``."""
    planned = {
        size: Comparison(f"whole engine, bundled, {size}", "face_recognition", bench.count, FACE_RECOGNITION_TARGET)
        for size in bench.sizes
    }
    engine = bench.weights.engine("bundled")
    try:
        with Peer(bench.python(), "face_recognition", bench.folder) as peer:
            bench.say(peer.about)
            return [_face_recognition(bench, peer, engine, *case) for case in planned.items()]
    except PeerError as error:
        return missing(bench, list(planned.values()), str(error))


def _face_recognition(bench: Bench, peer: Peer, engine: FaceEngine, size: str, planned: Comparison) -> Comparison:
    views = frames.views(bench.sizes[size], bench.count)
    handed = bench.handed(f"face-recognition-{size}", views)
    return turns(
        bench,
        replace(planned, peer=peer.about),
        lambda: _analyse(engine, views),
        lambda: ask(peer, "whole", frames=handed),
    )


def _analyse(engine: FaceEngine, views: list[Image]) -> int:
    return sum(len(faces) for faces in engine.analyse(views))
