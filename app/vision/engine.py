"""The face engine: pictures in, faces with quality and embedding out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from app.domain import BoundingBox, Detection, Face, FloatArray, Image
from app.errors import InvalidInputError
from app.vision.align import DLIB_TEMPLATE, align, estimate_similarity
from app.vision.attributes import AttributeReader
from app.vision.build import build_detector, build_embedder
from app.vision.files import ModelFiles, default_folder
from app.vision.packs import Pack, load_pack
from app.vision.quality import assess
from app.vision.runtime import RuntimeOptions

# In a picture that was shrunk for detection, looking for smaller faces than this takes most of the time and
# finds almost only faces that are too blurred to be told apart.
_SMALLEST_IN_SHRUNK = 20
_WARM_UP_SIDE = 150
_SOMEWHERE = Detection(BoundingBox(25, 25, 125, 125), DLIB_TEMPLATE, 1.0)


@dataclass
class EngineTimings:
    """Wall time in seconds since the engine was made.

    Attributes:
        detect: Finding faces, shrinking the pictures included.
        align: Cutting chips.
        embed: Embedding the chips.
        quality: Assessing faces.
        model: The part of ``detect`` and ``embed`` that was spent inside the networks.
    """

    detect: float = 0.0
    align: float = 0.0
    embed: float = 0.0
    quality: float = 0.0
    model: float = 0.0

    @property
    def total(self) -> float:
        """All steps together."""
        return self.detect + self.align + self.embed + self.quality

    @property
    def glue(self) -> float:
        """What was not spent inside the networks."""
        return self.total - self.model


class FaceEngine:
    """Finds the faces of pictures and describes them.

    Calls from several threads wait for each other.

    Attributes:
        pack: The pack whose networks it runs.
        timings: Where the time went.
    """

    def __init__(
        self,
        pack: Pack | str = "bundled",
        files: ModelFiles | Path | None = None,
        *,
        runtime: RuntimeOptions | None = None,
        detection_size: int = 640,
        confidence: float = 0.7,
        min_face_size: int = 20,
        attributes: Sequence[str] = (),
    ) -> None:
        """Loads the networks of a pack.

        Args:
            pack: What to load, or its name.
            files: Where weights lie; a folder stands for the usual layout within it, ``None`` for one in the user's home.
            runtime: How networks are run; as suits this machine when ``None``.
            detection_size: Longest side in pixels of the picture the detector sees; smaller pictures are not enlarged.
            confidence: Lowest detector confidence, 0..1, of a face that is returned.
            min_face_size: Smallest face to look for, in pixels of the source picture.
            attributes: What to guess about faces, some of :data:`app.vision.attributes.ATTRIBUTES`; usually nothing.

        Raises:
            ConfigError: There is no such pack or attribute.
            ModelError: Weights are missing or damaged.
        """
        places = files if isinstance(files, ModelFiles) else ModelFiles.within(files or default_folder())
        self.pack = load_pack(pack, places) if isinstance(pack, str) else pack
        self.timings = EngineTimings()
        self._detection_size = detection_size
        self._confidence = confidence
        self._min_face_size = min_face_size
        runtime = runtime or RuntimeOptions()
        self._detector = build_detector(self.pack, places, runtime)
        self._embedder = build_embedder(self.pack, places, runtime)
        self._attributes = AttributeReader(attributes, places) if attributes else None
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        """Runs the networks once, so that the first real picture does not pay for their set-up."""
        blank = np.zeros((_WARM_UP_SIDE, _WARM_UP_SIDE, 3), np.uint8)
        with self._lock:
            self._detector.detect([blank], min_face_size=40, confidence=0.9)
            self._embedder.presence(self._embedder.embed(self._embedder.cut(blank, _SOMEWHERE)[None]))

    def analyse(self, images: Sequence[Image]) -> list[list[Face]]:
        """Finds, judges and embeds all faces of some pictures; the embedder runs over the faces of all at once.

        Args:
            images: ``uint8`` (height, width, 3) RGB each; sizes may differ. May be empty.

        Returns:
            For each picture its faces, most confident first, then from left to right. Boxes and landmarks are in
            pixels of that picture.

        Raises:
            InvalidInputError: An image has another shape or dtype.
        """
        for image in images:
            _check(image)
        with self._lock:
            found = self._detect(images)
            places = [(index, detection) for index, faces in enumerate(found) for detection in faces]
            faces = self._describe(images, places)
        results: list[list[Face]] = [[] for _ in images]
        for (index, _), face in zip(places, faces, strict=True):
            results[index].append(face)
        return results if self._attributes is None else self._guess(self._attributes, images, results)

    def _guess(self, reader: AttributeReader, images: Sequence[Image], found: list[list[Face]]) -> list[list[Face]]:
        with self._lock:
            answers = [
                reader.read(image, [face.detection for face in faces])
                for image, faces in zip(images, found, strict=True)
            ]
        return [
            [replace(face, attributes=answer) for face, answer in zip(faces, given, strict=True)]
            for faces, given in zip(found, answers, strict=True)
        ]

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Finds the faces of some pictures, and nothing more: the embedder does not run.

        Args:
            images: As for :meth:`analyse`.

        Returns:
            As :meth:`analyse`, without quality and embedding.

        Raises:
            InvalidInputError: An image has another shape or dtype.
        """
        for image in images:
            _check(image)
        with self._lock:
            return self._detect(images)

    def describe(self, images: Sequence[Image], detections: Sequence[Sequence[Detection]]) -> list[list[Face]]:
        """Judges and embeds faces that were found before, by this pack's detector or another; the detector does not run.

        Args:
            images: As for :meth:`analyse`.
            detections: For each picture its faces, in pixels of that picture.

        Returns:
            For each picture its faces in the same order.

        Raises:
            InvalidInputError: An image has another shape or dtype, or landmarks cannot be aligned.
        """
        for image in images:
            _check(image)
        with self._lock:
            places = [(index, one) for index, faces in enumerate(detections) for one in faces]
            described = iter(self._describe(images, places))
        return [[next(described) for _ in faces] for faces in detections]

    def enlargement(self, image: Image, detection: Detection) -> float:
        """Tells whether a picture shows a face in less detail than the embedder can take in.

        Args:
            image: ``uint8`` (height, width, 3) RGB.
            detection: A face of it.

        Returns:
            Pixels of the embedder's view for one pixel of the picture, along a line; above 1 it enlarges the face.
        """
        if self._embedder.template is not None:
            matrix = estimate_similarity(detection.landmarks, self._embedder.template)
            return float(np.hypot(matrix[0, 0], matrix[1, 0]))
        with self._lock:
            chip = self._embedder.cut(image, detection)
        return float(max(chip.shape) / max(detection.box.width, detection.box.height, 1.0))

    def _detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        with self._timed("detect"):
            scales = [min(1.0, self._detection_size / max(image.shape[:2])) for image in images]
            found = self._detector.detect(
                [_shrink(image, scale) for image, scale in zip(images, scales, strict=True)],
                min_face_size=[
                    max(round(self._min_face_size * scale), min(self._min_face_size, _SMALLEST_IN_SHRUNK))
                    for scale in scales
                ],
                confidence=self._confidence,
            )
            return [
                sorted(_to_source(faces, image, scale), key=_order)
                for faces, image, scale in zip(found, images, scales, strict=True)
            ]

    def _describe(self, images: Sequence[Image], places: Sequence[tuple[int, Detection]]) -> list[Face]:
        if not places:
            return []
        with self._timed("align"):
            chips = [self._embedder.cut(images[index], detection) for index, detection in places]
        with self._timed("embed"):
            embeddings = self._embedder.embed(np.stack(chips))
            presence = self._embedder.presence(embeddings)
        with self._timed("quality"):
            # what is judged is dlib's view of a face, whatever the embedder sees
            views = (
                chips
                if self._embedder.template is DLIB_TEMPLATE
                else [align(images[index], detection.landmarks) for index, detection in places]
            )
            return [
                Face(detection, assess(images[index], detection, view, present, self.pack.scales), embedding)
                for (index, detection), view, present, embedding in zip(
                    places, views, presence.tolist(), embeddings, strict=True
                )
            ]

    @contextmanager
    def _timed(self, step: Literal["detect", "align", "embed", "quality"]) -> Iterator[None]:
        started, model = time.perf_counter(), self._detector.seconds + self._embedder.seconds
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            setattr(self.timings, step, getattr(self.timings, step) + spent)
            self.timings.model += self._detector.seconds + self._embedder.seconds - model


def _check(image: Image) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InvalidInputError("A picture must be uint8 of shape (height, width, 3) in RGB order, and not empty.")


def _shrink(image: Image, scale: float) -> Image:
    if scale >= 1.0:
        return image
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _to_source(found: Sequence[Detection], image: Image, scale: float) -> list[Detection]:
    """Maps detections of the shrunk picture to the source; the factors differ by rounding in x and y."""
    if scale >= 1.0:
        return list(found)
    height, width = image.shape[:2]
    factor_x, factor_y = width / max(1, round(width * scale)), height / max(1, round(height * scale))
    factors = np.array([factor_x, factor_y], np.float32)
    return [
        Detection(
            BoundingBox(d.box.x1 * factor_x, d.box.y1 * factor_y, d.box.x2 * factor_x, d.box.y2 * factor_y),
            _scaled(d.landmarks, factors),
            d.confidence,
        )
        for d in found
    ]


def _scaled(points: FloatArray, factors: FloatArray) -> FloatArray:
    # between pixel centres: centre 0 of the shrunk picture lies half a block into the source
    return np.asarray((points + 0.5) * factors - 0.5, np.float32)


def _order(detection: Detection) -> tuple[float, float]:
    return -detection.confidence, detection.box.x1
