"""The face engine: pictures in, faces with quality and embedding out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from app.domain import BoundingBox, Detection, Face, Image
from app.errors import InvalidInputError
from app.vision.align import DLIB_TEMPLATE, estimate_similarity
from app.vision.attributes import AttributeReader
from app.vision.build import build_detector, build_embedder
from app.vision.files import ModelFiles, default_folder
from app.vision.packs import Pack, load_pack
from app.vision.parts import Chip
from app.vision.quality import CORE, Measures, core, grade, measure
from app.vision.runtime import RuntimeOptions, available_cores, spread
from app.vision.shrinking import shrink, to_source
from app.vision.timings import EngineTimings, Laps

# In a picture that was shrunk for detection, looking for smaller faces than this takes most of the time and
# finds almost only faces that are too blurred to be told apart.
_SMALLEST_IN_SHRUNK = 20
_WARM_UP_SIDE = 150
_SOMEWHERE = Detection(BoundingBox(25, 25, 125, 125), DLIB_TEMPLATE, 1.0)


Item = TypeVar("Item")
Result = TypeVar("Result")


class _Seen(NamedTuple):
    """A face that waits to be embedded."""

    detection: Detection
    chip: Chip
    measures: Measures


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
        # only detectors of ours, and only on a CPU, say that pictures are to be looked at side by side
        self._side_by_side: bool = getattr(self._detector, "side_by_side", False)
        self._cores = runtime.threads or available_cores()
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
            if self._side_by_side:
                seen = self._for_each(self._look, images)
            else:
                seen = self._for_each(self._see, list(zip(images, self._detect(images), strict=True)))
            results = self._describe(seen)
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
            return self._describe(self._for_each(self._see, list(zip(images, detections, strict=True))))

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
        if self._side_by_side:
            return self._for_each(lambda image, laps: self._find([image], laps)[0], images)
        laps = Laps()
        with self._timed([laps]):
            return self._find(images, laps)

    def _look(self, image: Image, laps: Laps) -> list[_Seen]:
        """Finds the faces of one picture and sees to them."""
        return self._see((image, self._find([image], laps)[0]), laps)

    def _find(self, images: Sequence[Image], laps: Laps) -> list[list[Detection]]:
        with laps.lap("detect"):
            scales = [min(1.0, self._detection_size / max(image.shape[:2])) for image in images]
            found = self._detector.detect(
                [shrink(image, scale) for image, scale in zip(images, scales, strict=True)],
                min_face_size=[
                    max(round(self._min_face_size * scale), min(self._min_face_size, _SMALLEST_IN_SHRUNK))
                    for scale in scales
                ],
                confidence=self._confidence,
            )
            return [
                sorted(to_source(faces, image, scale), key=_order)
                for faces, image, scale in zip(found, images, scales, strict=True)
            ]

    def _see(self, found: tuple[Image, Sequence[Detection]], laps: Laps) -> list[_Seen]:
        """Does what there is to do for the faces of one picture before they are embedded."""
        image, detections = found
        with laps.lap("align"):
            chips = [self._embedder.cut(image, one) for one in detections]
        with laps.lap("quality"):
            # what is judged is dlib's view of a face, whatever the embedder sees
            if self._embedder.template is DLIB_TEMPLATE:
                views = [chip[CORE, CORE] for chip in chips]
            else:
                views = [core(image, one.landmarks) for one in detections]
            measures = [measure(image, one.landmarks, view) for one, view in zip(detections, views, strict=True)]
        return [_Seen(*each) for each in zip(detections, chips, measures, strict=True)]

    def _describe(self, seen: Sequence[Sequence[_Seen]]) -> list[list[Face]]:
        """Embeds all faces at once and judges them."""
        every = [one for faces in seen for one in faces]
        if not every:
            return [[] for _ in seen]
        laps = Laps()
        with self._timed([laps]):
            with laps.lap("embed"):
                embeddings = self._embedder.embed(np.stack([one.chip for one in every]))
                presence = self._embedder.presence(embeddings)
            with laps.lap("quality"):
                described = iter(
                    [
                        Face(
                            one.detection,
                            grade(one.measures, one.detection.confidence, present, self.pack.scales),
                            embedding,
                        )
                        for one, present, embedding in zip(every, presence.tolist(), embeddings, strict=True)
                    ]
                )
        return [[next(described) for _ in faces] for faces in seen]

    def _for_each(self, work: Callable[[Item, Laps], Result], items: Sequence[Item]) -> list[Result]:
        """Does some work for each picture, on all cores where that is known to be quicker."""
        laps = [Laps() for _ in items]
        pairs = list(zip(items, laps, strict=True))
        with self._timed(laps):
            return spread(lambda pair: work(*pair), pairs, self._cores if self._side_by_side else 1)

    @contextmanager
    def _timed(self, laps: Sequence[Laps]) -> Iterator[None]:
        started, model = time.perf_counter(), self._detector.seconds + self._embedder.seconds
        try:
            yield
        finally:
            model = self._detector.seconds + self._embedder.seconds - model
            self.timings.add(time.perf_counter() - started, laps, model)


def _check(image: Image) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InvalidInputError("A picture must be uint8 of shape (height, width, 3) in RGB order, and not empty.")


def _order(detection: Detection) -> tuple[float, float]:
    return -detection.confidence, detection.box.x1
