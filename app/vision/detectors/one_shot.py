"""Detectors that are one graph: pictures are padded, given to it in batches, and its numbers are decoded.

What differs from network to network is how it wants its pixels and how its numbers are read; see :class:`Decode`.

Networks like these miss faces that are larger than what they were trained on, and take parts of them for faces. Pictures
with room for such a face are looked at again at half the size, and again, until there is none; that takes a quarter to
a third more time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from app.domain import Detection, FloatArray, Image
from app.vision.boxes import overlap as overlaps
from app.vision.detectors.anchors import Candidates, merge, pick_faces
from app.vision.letterbox import Letterbox, PixelFormat, Slot, Tensor, fill
from app.vision.runtime import OnnxSession, RuntimeOptions

# Only an accelerator gains by several pictures at once. On a CPU the maps of one picture stay in its cache: at 640x480
# four at once cost 10-30 % more time per picture, sixteen 30-60 % (YuNet, RetinaFace-MobileNet0.25).
_BATCH_PIXELS = 16 * 640 * 640

# Above this a copy of the weights for one core alone is not worth its memory; SCRFD's largest has 17 MB.
_TWIN_BYTES = 2**26

_HALF = 2
_LARGE = 0.75  # of the largest face that is found for sure: what a second look may add; the first one is the sharper
_WITHIN = 0.8  # share of a box that lies in a large face, from which on it is taken for a part of it
_PART = 0.5  # most that a part has of the large face's area


class Decode(Protocol):
    """Reads a network's numbers."""

    def __call__(self, outputs: Sequence[FloatArray], height: int, width: int, confidence: float) -> Candidates:
        """Decodes one batch.

        Args:
            outputs: What the network gave, in the graph's order.
            height: Height of the batch's pictures in pixels, padding included; a multiple of 32.
            width: Width, likewise.
            confidence: Lowest score, 0..1, of what is returned.

        Returns:
            Candidates, in pixels of the batch's pictures.
        """


class OneShotDetector:
    """A detector as in :class:`app.vision.parts.Detector`, for any network of one graph.

    Threads of the worker pool may use it at the same time where :attr:`side_by_side` holds.
    """

    def __init__(
        self,
        model: bytes | Path,
        pixels: PixelFormat,
        decode: Decode,
        *,
        overlap: float,
        trusted: int,
        batch: int | None = None,
        runtime: RuntimeOptions | None = None,
    ) -> None:
        """Loads the network.

        Args:
            model: The graph, with one input (n, 3, height, width) whose height and width are free.
            pixels: How it wants its pixels.
            decode: How its numbers are read.
            overlap: Of two boxes that overlap by at least this (IoU, 0..1) only the better one stays.
            trusted: Side in pixels of the largest face that the network finds for sure.
            batch: 1 where the graph takes only one picture at a time.
            runtime: How networks are run.

        Raises:
            ModelError: The graph cannot be loaded.
        """
        self._session = OnnxSession(
            model, runtime=runtime, blocked_layout=True, example=lambda: _example(pixels), twin_bytes=_TWIN_BYTES
        )
        self._input = self._session.input_names[0]
        one_by_one = batch == 1 or not self._session.accelerated
        self._letterbox = Letterbox(pixels, max_pixels=1 if one_by_one else _BATCH_PIXELS)
        self._decode = decode
        self._overlap = overlap
        self._trusted = trusted

    @property
    def side_by_side(self) -> bool:
        """Whether pictures are found through soonest one by one, each on a thread of the worker pool."""
        return self._session.side_by_side

    @property
    def seconds(self) -> float:
        """Wall time so far during which the network was at work."""
        return self._session.seconds

    def detect(
        self, images: Sequence[Image], *, min_face_size: int | Sequence[int], confidence: float
    ) -> list[list[Detection]]:
        """See :meth:`app.vision.parts.Detector.detect`."""
        smallest = [min_face_size] * len(images) if isinstance(min_face_size, int) else min_face_size
        looks = list(self._looks(images, confidence))
        if not looks:
            return []
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        found = pick_faces(merge(looks), sizes, overlap=self._overlap, min_face_sizes=smallest)
        return [_without_parts(faces, _LARGE * self._trusted) for faces in found] if len(looks) > 1 else found

    def _looks(self, images: Sequence[Image], confidence: float) -> Iterator[Candidates]:
        """What the network sees in whole pictures, then what it sees of large faces in smaller ones."""
        seen, smallest = dict(enumerate(images)), 0.0
        while seen:
            found = self._look(list(seen.values()), confidence)
            yield _enlarged(found, [(place, images[place], image) for place, image in seen.items()], smallest)
            smallest = max(smallest * _HALF, _LARGE * self._trusted)
            seen = {place: _halve(image) for place, image in seen.items() if min(image.shape[:2]) > self._trusted}

    def _look(self, images: Sequence[Image], confidence: float) -> Candidates:
        """What the network sees, before doubles are suppressed."""
        parts = []
        for slot, outputs in self._letterbox.run(images, self._run):
            found = self._decode(outputs, slot.height, slot.width, confidence)
            places = np.array(slot.indices, np.int64)[found.picture]
            parts.append(Candidates(places, found.boxes, found.points, found.scores))
        return merge(parts)

    def _run(self, tensors: Iterator[Tensor]) -> Iterator[list[FloatArray]]:
        return self._session.run_all({self._input: tensor} for tensor in tensors)


def _example(pixels: PixelFormat) -> Tensor:
    """What the network is given, to try half precision on: clouds."""
    specks = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    clouds = np.asarray(cv2.resize(specks, (640, 384)), np.uint8)
    return fill([clouds], Slot((0,), 384, 640), pixels)


def _halve(image: Image) -> Image:
    height, width = (max(1, round(side / _HALF)) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _enlarged(found: Candidates, seen: Sequence[tuple[int, Image, Image]], smallest: float) -> Candidates:
    """Brings what was seen in smaller pictures to the whole ones.

    Args:
        found: What was seen.
        seen: For each smaller picture the number of the whole one, the whole one, and itself.
        smallest: Longer side in pixels of the whole picture of the smallest face that is kept.
    """
    places = np.array([place for place, _, _ in seen], np.int64)[found.picture]
    # not quite the same factor in x and y, where a side is odd
    factors = np.array([np.divide(whole.shape[1::-1], image.shape[1::-1]) for _, whole, image in seen], np.float32)
    factors = factors[found.picture]
    boxes = np.asarray(found.boxes * np.tile(factors, 2), np.float32)
    # between pixel centres: centre 0 of the smaller picture lies some way into the whole one
    points = np.asarray((found.points + 0.5) * factors[:, None] - 0.5, np.float32)
    kept = np.flatnonzero((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) >= smallest)
    return Candidates(places[kept], boxes[kept], points[kept], found.scores[kept])


def _without_parts(faces: list[Detection], large: float) -> list[Detection]:
    """Drops what lies within a large face that is at least as certain: an eye and a nose are not a face of their own."""
    boxes = np.array([(face.box.x1, face.box.y1, face.box.x2, face.box.y2) for face in faces], np.float32).reshape(
        -1, 4
    )
    sides = boxes[:, 2:] - boxes[:, :2]
    areas, scores = sides.prod(axis=1), np.array([face.confidence for face in faces], np.float32)
    is_part = overlaps(boxes, boxes, "min") >= _WITHIN
    is_part &= (areas[:, None] < _PART * areas) & (scores[:, None] <= scores) & (sides.max(axis=1, initial=0) >= large)
    return [faces[number] for number in np.flatnonzero(~is_part.any(axis=1))]
