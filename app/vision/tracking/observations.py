"""What goes into tracking and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain import BoundingBox, FloatArray, Quality


@dataclass(frozen=True, slots=True)
class Observation:
    """One face in one sampled frame.

    Attributes:
        timestamp: Seconds from the first frame of the video.
        sample: Number of the sampled frame; equal for the faces of one frame, growing with time.
        box: Where the face is, in source-frame pixels.
        embedding: ``float32`` (d,), unit length.
        quality: Whether the face may decide who is who.
        key: The caller's name for the face; given back in :class:`TrackResult`.
        until: Seconds up to which it is known to be shown unchanged; ``None`` where that is its own frame only.
        shot: Number of the shot that it is in, another one after each cut; ``None`` where nobody looked for cuts.
    """

    timestamp: float
    sample: int
    box: BoundingBox
    embedding: FloatArray
    quality: Quality
    key: int
    until: float | None = None
    shot: int | None = None

    @property
    def end(self) -> float:
        """Seconds up to which it is known to be shown."""
        return self.timestamp if self.until is None else max(self.until, self.timestamp)


@dataclass(frozen=True, slots=True)
class TrackResult:
    """One finished track.

    Attributes:
        keys: Its faces in the order of time, never empty.
        start: Seconds of the first face.
        end: Seconds up to which the last face is known to be shown.
        best_key: The face to show: the best usable one, or the best of all where none is usable.
        embedding: ``float32`` (d,), unit length: quality-weighted mean of the usable faces, or of all where none is.
        quality: Quality of the face ``best_key``, 0..1.
        usable: Whether the track may found or pull a person; see :class:`app.vision.tracking.settings.TrackSettings`
            for the rule of evidence.
        face_count: Number of faces.
    """

    keys: tuple[int, ...]
    start: float
    end: float
    best_key: int
    embedding: FloatArray
    quality: float
    usable: bool
    face_count: int
