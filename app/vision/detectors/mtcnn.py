"""The MTCNN face detector on ONNX Runtime.

Three nets in a row: the first proposes windows on a pyramid of shrunken pictures, the second throws most of them away,
the third refines the rest and finds five points of each face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, repeat
from pathlib import Path
from typing import Any, Literal

import numpy as np

from app.domain import BoundingBox, Detection, FloatArray, Image
from app.vision.boxes import Boxes, square, suppress
from app.vision.detectors import mtcnn_pyramid as pyramid
from app.vision.detectors import mtcnn_stages as stages
from app.vision.detectors.mtcnn_nets import MtcnnNets
from app.vision.detectors.mtcnn_pyramid import Strip
from app.vision.detectors.mtcnn_stages import Hits
from app.vision.runtime import RuntimeOptions, available_cores, on_worker, worker_pool

VariantName = Literal["fast", "exact"]

# The package's defaults; the third net's threshold is the caller's ``confidence``.
_PNET_THRESHOLD = 0.6
_RNET_THRESHOLD = 0.7
_LEVEL_OVERLAP = 0.5
_OVERLAP = 0.7

_RNET_SIDE, _ONET_SIDE = 24, 48
# Pixels of crops per run of a net; with more, its maps leave the processor's cache.
_BATCH_PIXELS = 32 * 24 * 24

# What map() is: either it itself, or that of a pool of threads.
Spread = Callable[..., Iterator[Any]]


@dataclass(frozen=True)
class _Variant:
    """What is looked at less closely.

    Attributes:
        coarse_levels: On so many of the largest levels, which take three quarters of the first net's time, it leaves
            out every other row and column of windows.
        coarse_threshold: The first net's threshold there.
    """

    coarse_levels: int
    coarse_threshold: float


# Of 206 faces of stills and videos that "exact" finds (two in three at 640 pixels, the others in pictures of full size),
# "fast" finds 203, and 1 more. What it misses scores 0.75 to 0.79. Coarse windows with the usual threshold find 202 and
# 5 more; three coarse levels instead of two, 202; a threshold of 0.65 on the other levels, too, 202.
_VARIANTS: dict[VariantName, _Variant] = {
    "exact": _Variant(coarse_levels=0, coarse_threshold=1.0),
    "fast": _Variant(coarse_levels=2, coarse_threshold=0.8),
}


class MtcnnDetector:
    """Finds faces and five points of each.

    The variant ``exact`` finds the same faces as the ``mtcnn`` package on TensorFlow. ``fast`` looks less closely for
    the smallest faces, up to twice ``min_face_size``, which is where most time goes; it finds 98 of 100 of them all.

    Pictures, or where there are few of them strips and batches of crops, are spread over threads. Safe to use from
    several threads at once, but, like every owner of threads, to be made after a fork and not before.
    """

    def __init__(
        self, cache_dir: Path, *, variant: VariantName = "fast", runtime: RuntimeOptions | None = None
    ) -> None:
        """Loads the nets.

        Args:
            cache_dir: Folder where the rebuilt nets are kept.
            variant: See the class.
            runtime: How nets are run.

        Raises:
            ModelError: The weights are missing or damaged.
        """
        self._variant = _VARIANTS[variant]
        self._nets = MtcnnNets(cache_dir, runtime, coarse=self._variant.coarse_levels > 0)
        self._workers = (runtime and runtime.threads) or available_cores()
        self._pool = worker_pool(self._workers)

    @property
    def side_by_side(self) -> bool:
        """Whether pictures are found through soonest one by one, each on a thread of the worker pool."""
        return self._workers > 1

    @property
    def seconds(self) -> float:
        """Wall time so far during which a net was at work."""
        return self._nets.seconds

    def detect(
        self, images: Sequence[Image], *, min_face_size: int | Sequence[int], confidence: float
    ) -> list[list[Detection]]:
        """Finds the faces of several pictures; several at once are quicker than one by one.

        Args:
            images: ``uint8`` (height, width, 3) RGB, of any sizes.
            min_face_size: Side in pixels of the smallest face to look for, for all pictures or for each. Time falls
                with its square. Below 12, which is what the first net sees, it is taken as 12.
            confidence: Faces *above* this score of the last net are kept, 0..1; the package's default is 0.8. The
                second net keeps the package's threshold, 0.7.

        Returns:
            For each picture its faces, most certain first. Boxes and points are in the picture's pixels and may reach
            outside of it.

        Raises:
            ModelError: A net fails.
        """
        sizes = [min_face_size] * len(images) if isinstance(min_face_size, int) else min_face_size
        finds = [
            _Find(self._nets, self._variant, image, max(size, pyramid.WINDOW), confidence)
            for image, size in zip(images, sizes, strict=True)
        ]
        if on_worker():
            return [find.all(map, 1) for find in finds]
        if len(finds) >= self._workers:
            return list(self._pool.map(_Find.all, finds, repeat(map), repeat(1)))
        return [find.all(self._pool.map, self._workers) for find in finds]


class _Find:
    """Finds the faces of one picture."""

    def __init__(self, nets: MtcnnNets, variant: _Variant, image: Image, min_face_size: int, confidence: float) -> None:
        self._nets = nets
        self._variant = variant
        self._image = image
        self._min_face_size = min_face_size
        self._confidence = confidence

    def all(self, spread: Spread, workers: int) -> list[Detection]:
        height, width = self._image.shape[:2]
        strips = pyramid.plan(width, height, self._min_face_size, self._variant.coarse_levels)
        if not strips:
            return []
        rows = pyramid.as_rows(self._image)
        proposals = self._propose(strips, list(spread(self._look, repeat(rows), strips)))
        pixels = rows.reshape(height, width, 3)
        answers = _on_crops(self._nets.refine, pixels, proposals, _RNET_SIDE, spread, workers)
        refined = self._refine(proposals, answers)
        answers = _on_crops(self._nets.finish, pixels, refined, _ONET_SIDE, spread, workers)
        return self._finish(refined, answers)

    def _look(self, rows: FloatArray, strip: Strip) -> list[Hits]:
        """First net, on the tiles of one strip."""
        pixels = pyramid.shrink(rows, strip)
        threshold = _PNET_THRESHOLD if strip.step == pyramid.STEP else self._variant.coarse_threshold
        found = []
        for left, right in strip.tiles:
            answers = self._nets.look(pixels[:, left:right], strip.step)
            found.append(stages.find_hits(answers, threshold, strip, left))
        return found

    def _propose(self, strips: Sequence[Strip], found: Sequence[list[Hits]]) -> Boxes:
        """Square boxes (n, 4) of what the first net found."""
        boxes, scores = stages.propose(list(chain.from_iterable(found)))
        kept, end = [], 0
        for _, level in groupby(zip(strips, found, strict=True), key=lambda pair: pair[0].number):
            start, end = end, end + sum(len(hits.places) for _, tiles in level for hits in tiles)
            kept.append(suppress(boxes[start:end], scores[start:end], _LEVEL_OVERLAP) + start)
        chosen = np.concatenate(kept)
        boxes, scores = boxes[chosen], scores[chosen]
        return square(boxes[suppress(boxes, scores, _OVERLAP)])

    def _refine(self, boxes: Boxes, answers: FloatArray) -> Boxes:
        """Square boxes (n, 4) of what is left after the second net."""
        scores = stages.probability(answers[:, -1])
        sure = scores > _RNET_THRESHOLD
        moved = stages.refine(boxes[sure], answers[sure, :4])
        return square(moved[suppress(moved, scores[sure], _OVERLAP)])

    def _finish(self, boxes: Boxes, answers: FloatArray) -> list[Detection]:
        """What is left after the third net."""
        scores = stages.probability(answers[:, -1])
        sure = scores > self._confidence
        boxes, answers, scores = boxes[sure], answers[sure], scores[sure]
        points = stages.place_landmarks(boxes, answers[:, 4:-1]).astype(np.float32)
        moved = stages.refine(boxes, answers[:, :4])
        kept = suppress(moved, scores, _OVERLAP, measure="min")
        return [_detection(moved[i], points[i], scores[i]) for i in kept]


def _on_crops(
    net: Callable[[FloatArray], FloatArray], pixels: FloatArray, boxes: Boxes, side: int, spread: Spread, workers: int
) -> FloatArray:
    """Runs a net over what is in boxes, shared out evenly."""
    step = max(1, min(-(-len(boxes) // workers), _BATCH_PIXELS // side**2))
    # Without any box, one empty run tells the shape of the answers.
    parts = [boxes[start : start + step] for start in range(0, max(len(boxes), 1), step)]
    return np.concatenate(list(spread(lambda part: net(stages.crop(pixels, part, side)), parts)))


def _detection(box: Boxes, landmarks: FloatArray, score: np.floating[Any]) -> Detection:
    x1, y1, x2, y2 = (float(value) for value in box)
    return Detection(BoundingBox(x1, y1, x2, y2), landmarks, float(score))
