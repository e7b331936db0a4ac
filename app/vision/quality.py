"""Judges whether a face may decide who is who, and says why not."""

from __future__ import annotations

import cv2
import numpy as np

from app.domain import Detection, FloatArray, Image, Quality, QualityReason

_MIN_EYE_DISTANCE = 11.0
_MIN_CONFIDENCE = 0.9


def assess(image: Image, detection: Detection, chip: Image, descriptor: FloatArray | None = None) -> Quality:
    """Judges a face.

    Args:
        image: ``uint8`` (height, width, 3) RGB, the picture that ``detection`` refers to.
        detection: The face, in pixels of ``image``.
        chip: ``uint8`` (150, 150, 3) RGB, the aligned face.
        descriptor: ``float32`` (128,), the embedder's answer before normalising.

    Returns:
        Score and reasons.
    """
    eyes = float(np.linalg.norm(detection.landmarks[1] - detection.landmarks[0]))
    reasons = []
    if eyes < _MIN_EYE_DISTANCE:
        reasons.append(QualityReason.SMALL)
    if detection.confidence < _MIN_CONFIDENCE:
        reasons.append(QualityReason.LOW_CONFIDENCE)
    if float(cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY).mean()) < 20:
        reasons.append(QualityReason.DARK)
    score = min(1.0, eyes / 60.0) * detection.confidence
    return Quality(score, tuple(reasons))
