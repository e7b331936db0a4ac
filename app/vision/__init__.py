"""Detection, alignment, embedding, quality and tracks: arrays in, arrays out."""

from __future__ import annotations

from app.vision.engine import FaceEngine
from app.vision.files import ModelFiles
from app.vision.library import FoundFace, Landmarks, detect_faces, find_faces
from app.vision.packs import BUNDLED, Pack, get_pack
from app.vision.timings import EngineTimings
from app.vision.track import Observation, Tracker, TrackResult, TrackSettings

__all__ = [
    "BUNDLED",
    "EngineTimings",
    "FaceEngine",
    "FoundFace",
    "Landmarks",
    "ModelFiles",
    "Observation",
    "Pack",
    "TrackResult",
    "TrackSettings",
    "Tracker",
    "detect_faces",
    "find_faces",
    "get_pack",
]
