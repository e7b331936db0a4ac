"""Measures stored faces with another pack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.domain import Face as SeenFace
from app.domain import FloatArray, Image, MediaKind, QualityReason
from app.errors import InvalidInputError
from app.models import Face, Video
from app.services.context import Context
from app.services.migrate_pack.sources import Sighting, from_crop, from_frames, has_file
from app.storage.migration import CROP, FRAME, GONE
from app.vision import FaceEngine

# Pixels of the embedder's view for one pixel of a shrunk crop, from which on the frame is worth decoding; see sources.py
MOST_ENLARGED = 1.25
BATCH = 64  # faces: enough to keep the networks busy, little enough to lose to a kill
FRAME_BATCH = 8  # frames of 1920x1080 are 6 MB each


@dataclass(frozen=True, slots=True)
class Measured:
    """What the new pack says of a face.

    Attributes:
        face_id: The face.
        source: ``crop``, ``frame``, ``kept`` or ``gone``.
        embedding: ``float32`` (dimension,), unit length; ``None`` where it could not be measured.
        quality: 0..1; of a face that could not be measured the one it had.
        reasons: Why it may not decide who is who.
    """

    face_id: int
    source: str
    embedding: FloatArray | None
    quality: float
    reasons: tuple[QualityReason, ...]


class FaceMeasurer:
    """Measures faces of one video after the other."""

    def __init__(self, context: Context, engine: FaceEngine) -> None:
        self._context = context
        self._engine = engine

    def measure(self, video: Video, interval: float | None, pages: Iterable[list[Face]]) -> Iterator[list[Measured]]:
        """Measures faces of a video: from crops at once, then what needs them from frames, in one pass over the video.

        Args:
            video: The video.
            interval: Seconds between its samples, ``None`` where that is not known any more.
            pages: Its faces, by sample and ordinal, in pieces.

        Yields:
            Pieces of the result, in no order; in the end every face was there once.
        """
        if video.media_kind == MediaKind.PICTURES:
            interval = 0.0  # pictures are all looked at
        watchable = interval is not None and has_file(self._context, video)
        postponed: list[Face] = []
        for page in pages:
            sightings = [from_crop(self._context, video, face) for face in page]
            shown = [one for one in sightings if one and not (watchable and self._deserves_frame(one))]
            yield self._describe(shown, CROP)
            seen = {one.face.id for one in shown}
            postponed += [face for face in page if face.id not in seen]
        if postponed and interval is not None and watchable:
            seen = set()
            for piece in _joined(from_frames(self._context, video, interval, postponed)):
                yield self._describe(piece, FRAME)
                seen |= {one.face.id for one in piece}
            postponed = [face for face in postponed if face.id not in seen]
        for start in range(0, len(postponed), BATCH):
            yield self._without_frame(video, postponed[start : start + BATCH])

    def _deserves_frame(self, sighting: Sighting) -> bool:
        if not sighting.shrunk:
            return False
        return self._engine.enlargement(sighting.image, sighting.detection) > MOST_ENLARGED

    def _without_frame(self, video: Video, faces: Sequence[Face]) -> list[Measured]:
        """Takes the crop, poor as it may be, where the frame does not come; else there is nothing left to look at."""
        shown = [one for one in (from_crop(self._context, video, face) for face in faces) if one]
        seen = {one.face.id for one in shown}
        return [*self._describe(shown, CROP), *(_gone(face) for face in faces if face.id not in seen)]

    def _describe(self, sightings: Sequence[Sighting], source: str) -> list[Measured]:
        if not sightings:
            return []
        images: list[Image] = [one.image for one in sightings]
        try:
            found = self._engine.describe(images, [[one.detection] for one in sightings])
        except InvalidInputError:  # of one face, such as landmarks that coincide: the others must not suffer
            if len(sightings) == 1:
                return [_gone(sightings[0].face)]
            return [result for one in sightings for result in self._describe([one], source)]
        return [_measured(one.face, seen[0], source) for one, seen in zip(sightings, found, strict=True)]


def _joined(frames: Iterator[list[Sighting]]) -> Iterator[list[Sighting]]:
    """Faces of several frames together, so that the embedder gets whole batches."""
    piece: list[Sighting] = []
    count = 0
    for faces in frames:
        piece += faces
        count += 1
        if count == FRAME_BATCH:
            yield piece
            piece, count = [], 0
    if piece:
        yield piece


def _measured(face: Face, seen: SeenFace, source: str) -> Measured:
    score, reasons = seen.quality.score, seen.quality.reasons
    # What one pack took for no face, such as a print on clothes, must not become a person under another: packs differ
    # in how well they notice, and one face less does less harm.
    if QualityReason.UNLIKE_FACE in face.quality_reasons and QualityReason.UNLIKE_FACE not in reasons:
        score, reasons = min(score, face.quality), (*reasons, QualityReason.UNLIKE_FACE)
    return Measured(face.id, source, seen.embedding, score, reasons)


def _gone(face: Face) -> Measured:
    return Measured(face.id, GONE, None, face.quality, tuple(QualityReason(reason) for reason in face.quality_reasons))
