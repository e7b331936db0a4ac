"""Tracks, under the names that the rest of the program uses; the work is done in :mod:`app.vision.tracking`."""

from __future__ import annotations

from app.vision.tracking.observations import Observation, TrackResult
from app.vision.tracking.settings import TrackRules, TrackSettings
from app.vision.tracking.tracker import Tracker, summarise

__all__ = ["Observation", "TrackResult", "TrackRules", "TrackSettings", "Tracker", "summarise"]
