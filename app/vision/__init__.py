"""Detection, alignment, embedding, quality and tracks: arrays in, arrays out."""

from __future__ import annotations

from app.vision.engine import EngineTimings, FaceEngine
from app.vision.packs import BUNDLED, Pack, get_pack

__all__ = ["BUNDLED", "EngineTimings", "FaceEngine", "Pack", "get_pack"]
