"""The values that cross layers. No behaviour beyond arithmetic on their own fields.

Conventions, valid everywhere in this program:

* Images are ``uint8`` arrays of shape ``(height, width, 3)`` in **RGB** order.
* Coordinates are floats in pixels of the source frame, x to the right, y down, (0, 0) at the top left corner.
* Time is a float in seconds from the first frame of the video.
* Embeddings are ``float32`` vectors of unit length; the distance of two is the cosine distance ``1 - a.b`` in 0..2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class JobState(StrEnum):
    """Life of a job. ``SUCCEEDED``, ``FAILED`` and ``CANCELLED`` are final."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True when nothing will happen any more."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class JobKind(StrEnum):
    """What a job does."""

    FETCH_VIDEO = "fetch_video"
    PROCESS_VIDEO = "process_video"
    SEGMENT = "segment"  # a stretch of a long video; its parent is the job of the whole
    CLUSTER = "cluster"
    EXPORT = "export"


class QueueName(StrEnum):
    """Where jobs wait. A job moves on to another queue when its work changes, such as after its download."""

    DOWNLOAD = "download"
    VISION = "vision"
    CLUSTER = "cluster"
    EXPORT = "export"


class Sampling(StrEnum):
    """Which frames of a video are looked at."""

    INTERVAL = "interval"
    SCENES = "scenes"
    ADAPTIVE = "adaptive"


class MediaKind(StrEnum):
    """What a video is: moving pictures, or a set of stills without time."""

    VIDEO = "video"
    PICTURES = "pictures"


class VideoOrigin(StrEnum):
    """Where a video came from."""

    UPLOAD = "upload"
    URL = "url"
    FILE = "file"


class RuleKind(StrEnum):
    """What a user said of two."""

    SAME = "same"
    DIFFERENT = "different"


class Answer(StrEnum):
    """An answer to a question of the review."""

    SAME = "same"
    DIFFERENT = "different"
    SKIP = "skip"


class RunState(StrEnum):
    """Life of a grouping of the library. A preview waits for a look; ``UNDONE`` was applied and taken back."""

    PREVIEW = "preview"
    APPLIED = "applied"
    DISCARDED = "discarded"
    UNDONE = "undone"
    FAILED = "failed"


class QualityReason(StrEnum):
    """Why a face is too poor to decide who is who."""

    SMALL = "small"
    BLURRED = "blurred"
    PROFILE = "profile"
    DARK = "dark"
    CUT_OFF = "cut_off"
    LOW_CONFIDENCE = "low_confidence"
    UNLIKE_FACE = "unlike_face"


class UnindexedReason(StrEnum):
    """Why a face is kept out, as Amazon Rekognition says it in ``UnindexedFaces.Reasons``."""

    EXTREME_POSE = "EXTREME_POSE"
    LOW_BRIGHTNESS = "LOW_BRIGHTNESS"
    LOW_SHARPNESS = "LOW_SHARPNESS"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    SMALL_BOUNDING_BOX = "SMALL_BOUNDING_BOX"
    LOW_FACE_QUALITY = "LOW_FACE_QUALITY"
    EXCEEDS_MAX_FACES = "EXCEEDS_MAX_FACES"


# EXCEEDS_MAX_FACES is no fault of a face: it is for whoever limits how many faces of a picture are taken.
UNINDEXED_REASONS = {
    QualityReason.SMALL: UnindexedReason.SMALL_BOUNDING_BOX,
    QualityReason.BLURRED: UnindexedReason.LOW_SHARPNESS,
    QualityReason.PROFILE: UnindexedReason.EXTREME_POSE,
    QualityReason.DARK: UnindexedReason.LOW_BRIGHTNESS,
    QualityReason.CUT_OFF: UnindexedReason.LOW_FACE_QUALITY,
    QualityReason.LOW_CONFIDENCE: UnindexedReason.LOW_CONFIDENCE,
    QualityReason.UNLIKE_FACE: UnindexedReason.LOW_CONFIDENCE,
}


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """An axis-parallel rectangle in source-frame pixels; may reach outside the frame.

    Attributes:
        x1: Left edge.
        y1: Top edge.
        x2: Right edge, ``>= x1``.
        y2: Bottom edge, ``>= y1``.
    """

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return max(self.width, 0.0) * max(self.height, 0.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled picture of a video.

    Attributes:
        sample: Running number of the sample, 0 for the first; time is about ``sample * interval``.
        timestamp: True presentation time in seconds, 0 for the first frame of the video.
        image: ``uint8`` (height, width, 3) RGB, rotation already applied.
        until: Time of the last frame that looks the same and was left out for that, or ``None``.
        spare: Whether it is worth a look only where a neighbour shows a face.
    """

    sample: int
    timestamp: float
    image: Image
    until: float | None = None
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Detection:
    """A face found by a detector, not yet known.

    Attributes:
        box: Where it is.
        landmarks: ``float32`` (5, 2) in pixels: the eye at image-left, the eye at image-right, nose tip, mouth corner
            at image-left, mouth corner at image-right.
        confidence: 0..1, the detector's own score.
    """

    box: BoundingBox
    landmarks: FloatArray
    confidence: float


@dataclass(frozen=True, slots=True)
class Quality:
    """How far a face may be trusted to decide who is who.

    Attributes:
        score: 0 (useless) .. 1 (excellent).
        reasons: Empty when the face is usable; else what is wrong with it.
    """

    score: float
    reasons: tuple[QualityReason, ...] = ()

    @property
    def usable(self) -> bool:
        """True when the face may decide who is who."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Attributes:
    """What networks guess about a face, if asked to; ``None`` where they were not asked.

    Attributes:
        age: Apparent age in years.
        gender: ``Woman`` or ``Man``.
        emotion: ``angry``, ``disgust``, ``fear``, ``happy``, ``sad``, ``surprise`` or ``neutral``.
        race: ``asian``, ``indian``, ``black``, ``white``, ``middle eastern`` or ``latino hispanic``.
        liveness: 0..1, how surely a live face and no picture of one is seen.
    """

    age: float | None = None
    gender: str | None = None
    emotion: str | None = None
    race: str | None = None
    liveness: float | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """A face as the engine returns it.

    Attributes:
        detection: Box, landmarks and confidence in source-frame pixels.
        quality: Whether it may decide who is who.
        embedding: ``float32`` (dimension,), unit length, in the space of the engine's pack.
        attributes: What was guessed about it, where that was asked for.
    """

    detection: Detection
    quality: Quality
    embedding: FloatArray
    attributes: Attributes | None = None


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a probe tells about a video without decoding it.

    Attributes:
        duration: Seconds, or ``None`` where the container does not say.
        width: Displayed width in pixels, after rotation.
        height: Displayed height in pixels, after rotation.
        frame_rate: Average frames per second, or ``None`` where unknown.
        codec: FFmpeg's short name, such as ``h264``.
        container: FFmpeg's short name, such as ``mov,mp4,m4a,3gp,3g2,mj2``.
        rotation: Degrees clockwise by which decoded frames must be turned to be upright: 0, 90, 180 or 270.
    """

    duration: float | None
    width: int
    height: int
    frame_rate: float | None
    codec: str
    container: str
    rotation: int
