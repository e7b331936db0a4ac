"""The MTCNN face detector on ONNX Runtime.

Three nets in a row: the first proposes windows on a pyramid of shrunken pictures, the second throws most of them away,
the third refines the rest and finds five points of each face.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.domain import BoundingBox, Detection, FloatArray, Image
from app.vision.boxes import Boxes, square, suppress
from app.vision.detectors import mtcnn_stages as stages
from app.vision.detectors.mtcnn_graph import NetName
from app.vision.detectors.mtcnn_stages import Floats, Level
from app.vision.detectors.mtcnn_weights import load_net
from app.vision.runtime import OnnxSession, RuntimeOptions, available_cores, worker_pool

# The package's defaults for the first two nets; the third's threshold is the caller's ``confidence``.
_PNET_THRESHOLD = 0.6
_RNET_THRESHOLD = 0.7
_LEVEL_OVERLAP = 0.5
_OVERLAP = 0.7

_NETS: tuple[NetName, ...] = ("pnet", "rnet", "onet")
# Pixels of crops per run of a net: beyond this, speed stays the same and memory grows.
_BATCH_PIXELS = 128 * 24 * 24


class MtcnnDetector:
    """Finds faces and five points of each, the same ones as the ``mtcnn`` package on TensorFlow.

    Levels of the pyramid and batches of crops are spread over threads, each of which runs a net on one core: nets as
    small as these do not share out well inside. Safe to use from several threads at once, but, like every owner of
    threads, to be made after a fork and not before.
    """

    def __init__(self, cache_dir: Path, *, runtime: RuntimeOptions | None = None) -> None:
        """Loads the nets.

        Args:
            cache_dir: Folder where the rebuilt nets are kept.
            runtime: How nets are run.

        Raises:
            ModelError: The weights are missing or damaged.
        """
        self._pnet, self._rnet, self._onet = (
            OnnxSession(load_net(cache_dir, name), runtime=runtime, threads=1, blocked_layout=True) for name in _NETS
        )
        self._workers = (runtime and runtime.threads) or available_cores()
        self._pool = worker_pool(self._workers)

    @property
    def seconds(self) -> float:
        """Wall time so far during which a net was at work."""
        return self._pnet.seconds + self._rnet.seconds + self._onet.seconds

    def detect(
        self, images: Sequence[Image], *, min_face_size: int | Sequence[int], confidence: float
    ) -> list[list[Detection]]:
        """Finds the faces of several pictures; several at once are quicker than one by one.

        Args:
            images: ``uint8`` (height, width, 3) RGB, of any sizes.
            min_face_size: Side in pixels of the smallest face to look for, for all pictures or for each. Time falls
                with its square. Below 12, which is what the first net sees, it is taken as 12.
            confidence: Faces *above* this score of the last net are kept, 0..1; the package's default is 0.8. The
                first two nets keep the package's thresholds, 0.6 and 0.7.

        Returns:
            For each picture its faces, most certain first. Boxes and points are in the picture's pixels and may reach
            outside of it.

        Raises:
            ModelError: A net fails.
        """
        if not images:
            return []
        sizes = [min_face_size] * len(images) if isinstance(min_face_size, int) else min_face_size
        pictures = [image.astype(np.float32) for image in images]
        proposals = self._propose(pictures, [max(size, stages.WINDOW) for size in sizes])
        return self._finish(pictures, self._refine(pictures, proposals), confidence)

    def _propose(self, pictures: Sequence[FloatArray], sizes: Sequence[int]) -> list[Boxes]:
        """First net: square boxes (n, 4) for each picture."""
        plans = [
            stages.pyramid(pixels.shape[1], pixels.shape[0], size) for pixels, size in zip(pictures, sizes, strict=True)
        ]
        tasks = [(pixels, level) for pixels, plan in zip(pictures, plans, strict=True) for level in plan]
        found = self._pool.map(self._propose_level, *zip(*tasks, strict=True)) if tasks else iter(())
        proposals = []
        for plan in plans:
            parts = [next(found) for _ in plan]
            boxes = np.concatenate([np.empty((0, 4)), *(part[0] for part in parts)])
            scores = np.concatenate([np.empty(0), *(part[1] for part in parts)])
            proposals.append(square(boxes[suppress(boxes, scores, _OVERLAP)]))
        return proposals

    def _propose_level(self, pixels: FloatArray, level: Level) -> tuple[Boxes, Floats]:
        offsets, logit = self._pnet.run({"pixels": stages.shrink(pixels, level)[None]})
        boxes, scores = stages.propose(logit[0], offsets[0], _PNET_THRESHOLD, level.scale)
        kept = suppress(boxes, scores, _LEVEL_OVERLAP)
        return boxes[kept], scores[kept]

    def _refine(self, pictures: Sequence[FloatArray], proposals: Sequence[Boxes]) -> list[Boxes]:
        """Second net: fewer and better square boxes (n, 4) for each picture."""
        offsets, logit = self._run(self._rnet, 24, pictures, proposals)
        refined = []
        for boxes, shifts, scores in zip(
            proposals, *_split(proposals, offsets, stages.probability(logit)), strict=True
        ):
            sure = scores > _RNET_THRESHOLD
            moved = stages.refine(boxes[sure], shifts[sure])
            refined.append(square(moved[suppress(moved, scores[sure], _OVERLAP)]))
        return refined

    def _finish(
        self, pictures: Sequence[FloatArray], refined: Sequence[Boxes], confidence: float
    ) -> list[list[Detection]]:
        """Third net: the faces."""
        offsets, landmarks, logit = self._run(self._onet, 48, pictures, refined)
        pieces = _split(refined, offsets, landmarks, stages.probability(logit))
        faces = []
        for boxes, shifts, marks, scores in zip(refined, *pieces, strict=True):
            sure = scores > confidence
            points = stages.place_landmarks(boxes[sure], marks[sure]).astype(np.float32)
            moved = stages.refine(boxes[sure], shifts[sure])
            kept = suppress(moved, scores[sure], _OVERLAP, measure="min")
            faces.append([_detection(moved[i], points[i], scores[sure][i]) for i in kept])
        return faces

    def _run(
        self, net: OnnxSession, side: int, pictures: Sequence[FloatArray], boxes: Sequence[Boxes]
    ) -> list[FloatArray]:
        """Runs a net over the crops of all pictures; its outputs are stacked in the pictures' order."""
        crops = np.concatenate(list(self._pool.map(stages.crop, pictures, boxes, [side] * len(boxes))))
        share = -(-len(crops) // self._workers)
        step = max(1, min(share, _BATCH_PIXELS // side**2))
        # Without any crop, one empty run tells the shapes of the outputs.
        batches = [{"pixels": crops[at : at + step]} for at in range(0, max(len(crops), 1), step)]
        return [np.concatenate(parts) for parts in zip(*self._pool.map(net.run, batches), strict=True)]


def _split(groups: Sequence[Boxes], *stacked: FloatArray) -> list[list[FloatArray]]:
    """Cuts stacked arrays back into one piece per picture."""
    ends = np.cumsum([len(group) for group in groups])[:-1]
    return [np.split(array, ends) for array in stacked]


def _detection(box: Boxes, landmarks: FloatArray, score: np.floating[Any]) -> Detection:
    x1, y1, x2, y2 = (float(value) for value in box)
    return Detection(BoundingBox(x1, y1, x2, y2), landmarks, float(score))
