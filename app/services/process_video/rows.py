"""Faces and tracks between the database and the tracker."""

from __future__ import annotations

from app.domain import BoundingBox, Quality, QualityReason
from app.models import Face, Track
from app.storage import vectors
from app.storage.findings import HIDDEN
from app.vision.track import Observation, TrackResult


def track_row(video_id: int, space_id: int, result: TrackResult) -> Track:
    """A track as it is stored."""
    return Track(
        video_id=video_id,
        space_id=space_id,
        start=result.start,
        end=result.end,
        face_count=result.face_count,
        quality=result.quality,
        usable=result.usable,
        best_face_id=result.best_key,
        embedding=vectors.encode(result.embedding),
    )


def observed(face: Face, shot: int | None = None) -> Observation:
    """A stored face as it is followed.

    Args:
        face: The face.
        shot: Number of the shot that it is in, where that is known and matters.
    """
    return Observation(
        timestamp=face.timestamp,
        sample=face.sample if face.sample >= 0 else face.sample - HIDDEN,
        box=BoundingBox(face.x1, face.y1, face.x2, face.y2),
        embedding=vectors.decode(face.embedding),
        quality=Quality(face.quality, tuple(QualityReason(reason) for reason in face.quality_reasons)),
        key=face.id,
        until=face.shown_until,
        shot=shot,
    )
