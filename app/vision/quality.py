"""Judges whether a face may decide who is who, and says why not.

The limits were measured with the bundled pack; how is written beside each. What its detector and its embedder say about
a face is on scales of their own, and :class:`Scales` brings those of other packs to theirs. Lengths in the chip refer to
the 150-pixel chip with 57 pixels between the eyes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from app.domain import Detection, FloatArray, Image, Quality, QualityReason
from app.vision.align import DLIB_TEMPLATE, estimate_similarity, halving, warp


@dataclass(frozen=True, slots=True)
class Limits:
    """A measure's worst acceptable value, and the value from which on more is no better.

    Attributes:
        worst: Below this the face is not usable.
        best: From here on the measure scores 1.
    """

    worst: float
    best: float

    def score(self, value: float) -> float:
        """From a little above 0 at ``worst`` and below to 1 at ``best`` and above."""
        part = (value - self.worst) / (self.best - self.worst)
        return min(max(part, _LOWEST), 1.0)


_LOWEST = 0.05  # keeps an order among faces with the same fault

# Pixels between the eyes of a frontal face of the same size. Shrunk stills against clean ones at the distance where
# 1 in 1000 strangers match: 96 % of pairs found at full size, 94 % at 20 pixels, 88 % at 11, 78 % at 9, 32 % at 6;
# with JPEG of quality 40 also 71 % at 14, 46 % at 11, 29 % at 10.
SIZE = Limits(11.0, 40.0)
# Share of contrast in details finer than 2 pixels of the chip. Blurred stills, same measure: 0.115 (found 91 %),
# 0.081 (87 %), 0.060 (74 %), 0.037 (32 %, and strangers begin to look alike).
SHARPNESS = Limits(0.057, 0.18)
# Distance of the eyes divided by that from eyes to mouth: about 1 from the front, 0.4 nearly from the side, where
# faces are still told apart; less where the far eye is a guess.
POSE = Limits(0.33, 0.85)
# Mean grey level, 0..255.
LIGHT = Limits(20.0, 60.0)
# Evidence that there is a face: see evidence().
EVIDENCE = Limits(0.095, 0.15)


@dataclass(frozen=True, slots=True)
class Scales:
    """What the figures of a pack's detector and embedder mean. Those of MTCNN and dlib are the measure of the others.

    Attributes:
        confidence: Limits of the detector's score. MTCNN's own default is 0.8; nothing under 0.85 that was looked at was
            a clear face. ``None`` where the scale is not known: the score is then not judged.
        odds: Factor that makes the detector's log odds as telling as MTCNN's.
        presence: What the embedder's presence is where dlib's would be 0, and how much of it is as telling as 1 of dlib's;
            ``None`` where that is not known.
    """

    confidence: Limits | None = Limits(0.85, 0.995)
    odds: float = 1.0
    presence: tuple[float, float] | None = (0.0, 1.0)


BUNDLED_SCALES = Scales()

# A face that is poor in every respect is as useless as one that fails in one: a small, blurred head seen from the side
# in the distance scores 0.26, a small and blurred but frontal one that still finds its owner 0.34.
LOWEST_SCORE = 0.3

_LOGIT_WEIGHT, _LOGIT_CAP = 0.008, 7.0
_MOST_OUTSIDE = 0.1
_FINE_SIGMA = 2.0
CORE = slice(25, 125)  # the chip without hair and background
_CORE_POINTS = np.mgrid[25:125:10, 25:125:10].reshape(2, -1).astype(np.float64) + 5.0  # a grid of x and y in it
_CORE_CORNERS = ((30.0, 30.0), (120.0, 30.0), (30.0, 120.0), (120.0, 120.0))  # of that grid
_NOSE_RANGE = (0.1, 0.95)  # place of the nose between eyes (0) and mouth (1); real faces looked at: 0.23..0.80
_TEMPLATE_EYES = float(DLIB_TEMPLATE[1, 0] - DLIB_TEMPLATE[0, 0])
_TEMPLATE_SPREAD = float(np.sqrt(((DLIB_TEMPLATE - DLIB_TEMPLATE.mean(0)) ** 2).sum()))


def assess(
    image: Image, detection: Detection, chip: Image, presence: float, scales: Scales = BUNDLED_SCALES
) -> Quality:
    """Judges a face.

    Args:
        image: ``uint8`` (height, width, 3) RGB, the picture that ``detection`` refers to.
        detection: The face, in pixels of ``image``.
        chip: ``uint8`` (150, 150, 3) RGB, the aligned face.
        presence: Cosine distance from the face's embedding to the nearest answer of the embedder to a chip without a
            face; see :meth:`app.vision.parts.Embedder.presence`.
        scales: Of the pack that ``detection`` and ``presence`` come from.

    Returns:
        The score is the geometric mean of all measures. There is a reason for each measure under its limit; where all
        hold but the score is under :data:`LOWEST_SCORE`, the weakest measure is the reason.
    """
    return grade(measure(image, detection.landmarks, chip[CORE, CORE]), detection.confidence, presence, scales)


@dataclass(frozen=True, slots=True)
class Measures:
    """What a picture says about a face, before the embedder has seen it.

    Attributes:
        eyes: See :func:`eye_distance`.
        sharpness: See :func:`sharpness`.
        opening: The first of :func:`geometry`.
        nose: The second.
        light: Mean grey level, 0..255.
        outside: See :func:`share_outside`.
    """

    eyes: float
    sharpness: float
    opening: float
    nose: float
    light: float
    outside: float


def core(image: Image, landmarks: FloatArray) -> Image:
    """The part of a face's chip that is looked at, ``uint8`` (100, 100, 3) RGB, without the rest."""
    matrix = estimate_similarity(landmarks)
    if halving(matrix) > 1:
        # blocks of pixels lie where the chip begins
        return warp(image, matrix)[CORE, CORE]
    matrix[:, 2] -= CORE.start
    return warp(image, matrix, CORE.stop - CORE.start)


def measure(image: Image, landmarks: FloatArray, middle: Image) -> Measures:
    """Measures a face.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
        landmarks: (5, 2) pixels of ``image``.
        middle: ``uint8`` (100, 100, 3) RGB: the chip at :data:`CORE`, or what :func:`core` gives.
    """
    opening, nose = geometry(landmarks)
    grey = cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return Measures(
        eye_distance(landmarks),
        sharpness(grey),
        opening,
        nose,
        float(cv2.mean(grey)[0]),
        share_outside(landmarks, image.shape[1], image.shape[0]),
    )


def grade(face: Measures, confidence: float, presence: float, scales: Scales = BUNDLED_SCALES) -> Quality:
    """Judges a face that was measured; see :func:`assess`."""
    measures = [
        (QualityReason.SMALL, SIZE, face.eyes),
        (QualityReason.BLURRED, SHARPNESS, face.sharpness),
        (QualityReason.PROFILE, POSE, face.opening),
        (QualityReason.DARK, LIGHT, face.light),
        *_said_by_networks(confidence, presence, scales),
    ]
    reasons = [reason for reason, limits, value in measures if value < limits.worst]
    if not _NOSE_RANGE[0] <= face.nose <= _NOSE_RANGE[1] and QualityReason.UNLIKE_FACE not in reasons:
        reasons.append(QualityReason.UNLIKE_FACE)
    if face.outside > _MOST_OUTSIDE:
        reasons.append(QualityReason.CUT_OFF)
    scores = [limits.score(value) for _, limits, value in measures]
    score = math.prod(scores) ** (1 / len(scores))
    if score < LOWEST_SCORE and not reasons:
        reasons.append(measures[scores.index(min(scores))][0])
    return Quality(score, tuple(reasons))


def _said_by_networks(
    confidence: float, presence: float, scales: Scales
) -> Iterator[tuple[QualityReason, Limits, float]]:
    if scales.confidence is not None:
        yield QualityReason.LOW_CONFIDENCE, scales.confidence, confidence
    if scales.presence is not None and scales.confidence is not None:
        nothing, unit = scales.presence
        yield QualityReason.UNLIKE_FACE, EVIDENCE, evidence((presence - nothing) / unit, confidence, scales.odds)


def evidence(presence: float, confidence: float, weight: float = 1.0) -> float:
    """Adds up what detector and embedder say about there being a face at all.

    Either alone lets false faces pass: the detector is sure of some prints on clothes (up to 0.97), and the embedder
    sees more than nothing in some napes and hands. Real faces of low confidence are far from blank, and the few real
    faces that are near blank (a hand before the mouth) have high confidence. False faces looked at (prints of skulls,
    napes, hands, cloth): 0.02..0.085, a blurred few to 0.097; clear real faces: 0.100 with a hand before the mouth,
    0.118 and more otherwise.

    Args:
        presence: See :func:`assess`, on dlib's scale.
        confidence: The detector's score, 0..1.
        weight: See :attr:`Scales.odds`.
    """
    odds = weight * math.log(max(confidence, 1e-6) / max(1.0 - confidence, 1e-6))
    return presence + _LOGIT_WEIGHT * min(odds, _LOGIT_CAP)


def eye_distance(landmarks: FloatArray) -> float:
    """Distance of the eyes in pixels that a face of this size would have from the front.

    It is taken from the spread of all five points, since the eyes of a face from the side are close together.

    Args:
        landmarks: (5, 2) pixels.
    """
    spread = float(np.sqrt(((landmarks - landmarks.mean(0)) ** 2).sum()))
    return spread / _TEMPLATE_SPREAD * _TEMPLATE_EYES


def geometry(landmarks: FloatArray) -> tuple[float, float]:
    """Measures pose, whichever way the head is tilted.

    Args:
        landmarks: (5, 2) pixels.

    Returns:
        Distance of the eyes as a share of that from eyes to mouth; and how far down from eyes to mouth the nose is.
        Both are -1 where eyes and mouth coincide.
    """
    # number by number: on so few, arrays are several times slower
    (ax, ay), (bx, by), (nose_x, nose_y), (cx, cy), (dx, dy) = landmarks.tolist()
    eyes_x, eyes_y = (ax + bx) / 2, (ay + by) / 2
    down_x, down_y = (cx + dx) / 2 - eyes_x, (cy + dy) / 2 - eyes_y
    height = math.hypot(down_x, down_y)
    if height < 1e-6:
        return -1.0, -1.0
    nose = ((nose_x - eyes_x) * down_x + (nose_y - eyes_y) * down_y) / height**2
    return math.hypot(bx - ax, by - ay) / height, nose


def sharpness(grey: FloatArray) -> float:
    """Share of the contrast that lies in fine details.

    Args:
        grey: ``float32`` (height, width), 0..255, the middle of a chip.

    Returns:
        0 for a flat picture; 0.1..0.3 for usual faces.
    """
    fine = cv2.subtract(grey, cv2.GaussianBlur(grey, (0, 0), _FINE_SIGMA))
    (_, details), (_, all_contrast) = cv2.meanStdDev(fine), cv2.meanStdDev(grey)
    return float(details.item() / (all_contrast.item() + 2.0))  # + 2: noise in a flat picture is not sharpness


def share_outside(landmarks: FloatArray, width: int, height: int) -> float:
    """Share, 0..1, of the middle of the chip that lies beyond the edge of the picture.

    Args:
        landmarks: (5, 2) pixels of the picture.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
    """
    matrix = estimate_similarity(landmarks).astype(np.float64)
    (a, _, shift_x), (b, _, shift_y) = matrix.tolist()
    scale = a * a + b * b
    for u, v in _CORE_CORNERS:
        x, y = (a * (u - shift_x) + b * (v - shift_y)) / scale, (a * (v - shift_y) - b * (u - shift_x)) / scale
        if not (-0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5):
            break
    else:
        return 0.0  # what lies between the corners lies inside, too
    points = np.linalg.solve(matrix[:, :2], _CORE_POINTS - matrix[:, 2:])
    inside = (points >= -0.5).all(0) & (points[0] < width - 0.5) & (points[1] < height - 0.5)
    return float(1.0 - inside.mean())
