"""The MTCNN face detector on ONNX Runtime.

Three nets in a row: the first proposes windows on a pyramid of shrunken pictures, the second throws most of them away,
the third refines the rest and finds five points of each face.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from app.domain import BoundingBox, Detection, FloatArray, Image
from app.vision import mtcnn_stages as stages
from app.vision.boxes import Boxes, square, suppress
from app.vision.mtcnn_graph import NetName
from app.vision.mtcnn_stages import Floats
from app.vision.mtcnn_weights import load_net
from app.vision.runtime import OnnxSession

VariantName = Literal["fast", "exact"]

# The package's defaults for the first two nets; the third's threshold is the caller's ``confidence``.
_PNET_THRESHOLD = 0.6
_RNET_THRESHOLD = 0.7
_LEVEL_OVERLAP = 0.5
_OVERLAP = 0.7

_NETS: tuple[NetName, ...] = ("pnet", "rnet", "onet")
# Pixels of crops per run of a net: beyond this, speed stays the same and memory grows.
_BATCH_PIXELS = 128 * 24 * 24


class MtcnnDetector:
    """Finds faces and five points of each. Safe to use from several threads at once."""

    def __init__(self, cache_dir: Path, variant: VariantName = "fast") -> None:
        """Loads the nets.

        Args:
            cache_dir: Folder where the rebuilt nets are kept.
            variant: ``exact`` finds what the ``mtcnn`` package finds; ``fast`` takes liberties with rounding and is
                two to three times quicker.

        Raises:
            ModelError: The weights are missing or damaged.
        """
        self._pnet, self._rnet, self._onet = (
            OnnxSession(load_net(cache_dir, name), blocked_layout=True) for name in _NETS
        )

    @property
    def seconds(self) -> float:
        """Wall time spent inside the nets so far."""
        return self._pnet.seconds + self._rnet.seconds + self._onet.seconds

    def detect(self, images: Sequence[Image], *, min_face_size: int, confidence: float) -> list[list[Detection]]:
        """Finds the faces of several pictures.

        Args:
            images: ``uint8`` (height, width, 3) RGB, of any sizes. Pictures of which one side is too small to hold a
                face of ``min_face_size`` give none.
            min_face_size: Side in pixels of the smallest face to look for. Time falls with its square. Below 12,
                which is what the first net sees, it is taken as 12.
            confidence: Faces *above* this score of the last net are kept, 0..1; the package's default is 0.8. The
                first two nets keep the package's thresholds, so values under about 0.5 add little.

        Returns:
            For each picture its faces, most certain first. Boxes and points are in the picture's pixels and may reach
            outside of it.

        Raises:
            ModelError: A net fails.
        """
        if not images:
            return []
        smallest = max(min_face_size, stages.WINDOW)
        pictures = [image.astype(np.float32) for image in images]
        proposals = [self._propose(pixels, smallest) for pixels in pictures]
        refined = self._refine(pictures, proposals)
        return self._finish(pictures, refined, confidence)

    def _propose(self, pixels: FloatArray, min_face_size: int) -> Boxes:
        """First net: square boxes (n, 4)."""
        found: list[Boxes] = [np.empty((0, 4))]
        certain: list[Floats] = [np.empty(0)]
        for level in stages.pyramid(pixels, min_face_size):
            offsets, logit = self._pnet.run({"pixels": level.pixels[None]})
            boxes, scores = stages.propose(logit[0], offsets[0], _PNET_THRESHOLD, level.scale)
            kept = suppress(boxes, scores, _LEVEL_OVERLAP, by="all")
            found.append(boxes[kept])
            certain.append(scores[kept])
        boxes, scores = np.concatenate(found), np.concatenate(certain)
        return square(boxes[suppress(boxes, scores, _OVERLAP, by="all")])

    def _refine(self, pictures: Sequence[FloatArray], proposals: Sequence[Boxes]) -> list[Boxes]:
        """Second net: fewer and better square boxes (n, 4) for each picture."""
        offsets, logit = self._run(self._rnet, 24, pictures, proposals)
        refined = []
        for boxes, shifts, scores in zip(
            proposals, *_split(proposals, offsets, stages.probability(logit)), strict=True
        ):
            sure = scores > _RNET_THRESHOLD
            moved = stages.refine(boxes[sure], shifts[sure])
            kept = suppress(moved, scores[sure], _OVERLAP, by="all")
            refined.append(square(moved[kept]))
        return refined

    def _finish(
        self, pictures: Sequence[FloatArray], refined: Sequence[Boxes], confidence: float
    ) -> list[list[Detection]]:
        """Third net: the faces."""
        offsets, landmarks, logit = self._run(self._onet, 48, pictures, refined)
        faces = []
        for boxes, shifts, marks, scores in zip(
            refined, *_split(refined, offsets, landmarks, stages.probability(logit)), strict=True
        ):
            sure = scores > confidence
            points = stages.place_landmarks(boxes[sure], marks[sure]).astype(np.float32)
            moved = stages.refine(boxes[sure], shifts[sure])
            kept = suppress(moved, scores[sure], _OVERLAP, measure="min", by="all")
            faces.append([_detection(moved[i], points[i], scores[sure][i]) for i in kept])
        return faces

    def _run(
        self, net: OnnxSession, side: int, pictures: Sequence[FloatArray], boxes: Sequence[Boxes]
    ) -> list[FloatArray]:
        """Runs a net over the crops of all pictures; its outputs are stacked in the pictures' order."""
        crops = [stages.crop(pixels, some, side) for pixels, some in zip(pictures, boxes, strict=True)]
        pixels = np.concatenate([np.empty((0, side, side, 3), np.float32), *crops])
        step = _BATCH_PIXELS // side**2
        # An empty run tells the shapes of the outputs where there is nothing to look at.
        runs = [net.run({"pixels": pixels[at : at + step]}) for at in range(0, max(len(pixels), 1), step)]
        return [np.concatenate(parts) for parts in zip(*runs, strict=True)]


def _split(groups: Sequence[Boxes], *stacked: FloatArray) -> list[list[FloatArray]]:
    """Cuts stacked arrays back into one piece per picture."""
    ends = np.cumsum([len(group) for group in groups])[:-1]
    return [np.split(array, ends) for array in stacked]


def _detection(box: Boxes, landmarks: FloatArray, score: np.floating[Any]) -> Detection:
    x1, y1, x2, y2 = (float(value) for value in box)
    return Detection(BoundingBox(x1, y1, x2, y2), landmarks, float(score))
