from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.domain import (
    UNINDEXED_REASONS,
    BoundingBox,
    Detection,
    FloatArray,
    Image,
    QualityReason,
    UnindexedReason,
)
from app.vision import quality
from app.vision.align import DLIB_TEMPLATE, align
from app.vision.packs import get_pack
from app.vision.quality import (
    CORE,
    Limits,
    Scales,
    assess,
    core,
    evidence,
    eye_distance,
    geometry,
    share_outside,
    sharpness,
)

ASTRONAUT = np.array([[204, 100], [245, 102], [224, 126], [202, 139], [244, 140]], np.float32)
PRESENT = 0.11  # as of a clear face


def detected(points: FloatArray, confidence: float = 0.999) -> Detection:
    low, high = points.min(0) - 20, points.max(0) + 20
    return Detection(BoundingBox(*map(float, (*low, *high))), points, confidence)


def judge(image: Image, points: FloatArray, confidence: float = 0.999, presence: float = PRESENT):
    return assess(image, detected(points, confidence), align(image, points), presence)


def shrunk(image: Image, points: FloatArray, factor: float) -> tuple[Image, FloatArray]:
    side = round(image.shape[0] * factor)
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return small, ((points + 0.5) * factor - 0.5).astype(np.float32)


def narrowed(points: FloatArray, share: float) -> FloatArray:
    """As seen from the side: everything nearer to the middle line."""
    middle = points[:, 0].mean()
    return np.column_stack([middle + (points[:, 0] - middle) * share, points[:, 1]]).astype(np.float32)


def test_a_clear_face_is_usable(astronaut):
    judged = judge(astronaut, ASTRONAUT)
    assert judged.usable
    assert judged.reasons == ()
    assert 0.9 < judged.score <= 1.0


FAULTS = {
    QualityReason.SMALL: lambda image, points: judge(*shrunk(image, points, 0.2)),
    QualityReason.BLURRED: lambda image, points: judge(cv2.GaussianBlur(image, (0, 0), 5), points),
    QualityReason.PROFILE: lambda image, points: judge(image, narrowed(points, 0.3)),
    QualityReason.DARK: lambda image, points: judge((image // 12).astype(np.uint8), points),
    QualityReason.CUT_OFF: lambda image, points: judge(image[:, 215:].copy(), points - np.float32([215, 0])),
    QualityReason.LOW_CONFIDENCE: lambda image, points: judge(image, points, confidence=0.8),
    QualityReason.UNLIKE_FACE: lambda image, points: judge(image, points, confidence=0.95, presence=0.06),
}


@pytest.mark.parametrize("reason", list(QualityReason), ids=str)
def test_each_fault_is_named(astronaut, reason):
    judged = FAULTS[reason](astronaut, ASTRONAUT)
    assert reason in judged.reasons
    assert not judged.usable
    assert 0.0 < judged.score < judge(astronaut, ASTRONAUT).score or reason is QualityReason.CUT_OFF


@pytest.mark.parametrize("nose", [-0.2, 1.3], ids=["above-the-eyes", "below-the-mouth"])
def test_impossible_geometry_is_no_face(astronaut, nose):
    points = ASTRONAUT.copy()
    points[2, 1] = points[:2, 1].mean() + nose * (points[3:, 1].mean() - points[:2, 1].mean())
    assert judge(astronaut, points).reasons == (QualityReason.UNLIKE_FACE,)


def test_poor_in_every_respect_is_not_usable(astronaut):
    """No single measure fails, yet together they do; the weakest is named."""
    small, points = shrunk(cv2.GaussianBlur(astronaut, (0, 0), 1.2), ASTRONAUT, 0.31)
    dim = (small // 4).astype(np.uint8)
    judged = assess(dim, detected(points, 0.88), align(dim, points), 0.085)
    assert judged.score < quality.LOWEST_SCORE
    assert len(judged.reasons) == 1


def test_small_and_compressed_faces_are_not_usable(astronaut):
    """At 10 pixels between the eyes and JPEG 40 half of all pairs are no longer recognised."""
    small, points = shrunk(astronaut, ASTRONAUT, 10 / 41)
    _, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 40])
    coarse = np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    assert not judge(coarse, points).usable


@pytest.mark.parametrize("factor", [0.15, 0.3, 0.5, 1.0])
def test_score_falls_with_size(astronaut, factor):
    smaller, larger = (judge(*shrunk(astronaut, ASTRONAUT, f)).score for f in (factor * 0.8, factor))
    assert 0 <= smaller <= larger <= 1


@pytest.mark.parametrize("degrees", [0, 40, 90, 180])
def test_geometry_does_not_mind_tilt(degrees):
    turn = np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    opening, nose = geometry((DLIB_TEMPLATE @ matrix.T * 0.3).astype(np.float32))
    assert opening == pytest.approx(0.969, abs=0.01)
    assert nose == pytest.approx(0.593, abs=0.01)


def test_geometry_of_a_point_is_no_face():
    assert geometry(np.ones((5, 2), np.float32)) == (-1.0, -1.0)


def test_eye_distance_of_a_frontal_face_is_that_of_its_eyes():
    assert eye_distance(DLIB_TEMPLATE) == pytest.approx(56.9, abs=0.1)
    assert eye_distance(DLIB_TEMPLATE * np.float32(0.25)) == pytest.approx(14.2, abs=0.1)


def test_eye_distance_hardly_shrinks_when_the_head_turns():
    turned = narrowed(DLIB_TEMPLATE, 0.4)
    assert np.ptp(turned[:2, 0]) == pytest.approx(0.4 * 56.9, abs=0.1)
    assert eye_distance(turned) > 0.7 * eye_distance(DLIB_TEMPLATE)


def test_evidence_grows_with_both_and_stays_finite():
    assert evidence(0.08, 0.99) > evidence(0.08, 0.9) > evidence(0.06, 0.9)
    assert np.isfinite([evidence(0.08, 1.0), evidence(0.08, 0.0)]).all()


def test_sharpness_falls_with_blur_and_is_zero_where_nothing_is(astronaut):
    grey = cv2.cvtColor(align(astronaut, ASTRONAUT), cv2.COLOR_RGB2GRAY).astype(np.float32)
    values = [sharpness(cv2.GaussianBlur(grey, (0, 0), sigma)) for sigma in (0.3, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert sharpness(np.full((100, 100), 90, np.float32)) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(
    ("shift", "share"),
    [((0, 0), 0.0), ((-75, 0), 0.5), ((0, 75), 0.5), ((-300, 0), 1.0), ((-75, -75), 0.75)],
    ids=["inside", "left-half", "lower-half", "all", "three-quarters"],
)
def test_share_outside(shift, share):
    assert share_outside(DLIB_TEMPLATE + np.float32(shift), 150, 150) == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize(
    ("pack", "confidence", "presence", "reasons"),
    [
        ("bundled", 0.93, 0.11, ()),
        ("bundled", 0.80, 0.11, (QualityReason.LOW_CONFIDENCE,)),
        ("yunet-mobilefacenet", 0.93, 0.85, ()),
        ("yunet-mobilefacenet", 0.80, 0.85, ()),
        ("yunet-mobilefacenet", 0.60, 0.95, (QualityReason.LOW_CONFIDENCE,)),
        ("yunet-mobilefacenet", 0.82, 0.44, (QualityReason.UNLIKE_FACE,)),
        ("retinaface-mobile", 0.999, 0.85, ()),
        ("retinaface-mobile", 0.99, 0.61, (QualityReason.UNLIKE_FACE,)),
        # scales that nobody has measured are not judged by
        ("scrfd+insightface-arcface", 0.5, 0.0, ()),
        ("mtcnn+sface", 0.93, 0.0, ()),
        ("mtcnn+sface", 0.80, 0.0, (QualityReason.LOW_CONFIDENCE,)),
    ],
)
def test_scores_are_judged_on_the_scale_of_the_pack(astronaut, pack, confidence, presence, reasons):
    scales = get_pack(pack).scales
    judged = assess(astronaut, detected(ASTRONAUT, confidence), align(astronaut, ASTRONAUT), presence, scales)
    assert judged.reasons == reasons
    assert 0 < judged.score <= 1


def test_the_score_grows_with_confidence_on_any_scale(astronaut):
    chip = align(astronaut, ASTRONAUT)
    for scales in (Scales(), Scales(Limits(0.3, 0.6), 2.0, (0.4, 4.0))):
        values = [assess(astronaut, detected(ASTRONAUT, c), chip, 0.6, scales).score for c in (0.3, 0.5, 0.9, 0.99)]
        assert values == sorted(values)
        assert values[0] < values[-1]


def test_every_reason_has_its_name_at_rekognition():
    assert set(UNINDEXED_REASONS) == set(QualityReason)
    assert set(UNINDEXED_REASONS.values()) <= set(UnindexedReason)
    assert UNINDEXED_REASONS[QualityReason.BLURRED] == "LOW_SHARPNESS"
    assert UNINDEXED_REASONS[QualityReason.PROFILE] == "EXTREME_POSE"


@pytest.mark.parametrize("size", [0.7, 1.0, 3.0, 9.0])
def test_the_middle_alone_is_the_middle_of_the_chip(astronaut, size):
    large = cv2.resize(astronaut, None, fx=size, fy=size, interpolation=cv2.INTER_AREA if size < 1 else cv2.INTER_CUBIC)
    points = (ASTRONAUT * size).astype(np.float32)
    difference = core(large, points).astype(int) - align(large, points)[CORE, CORE]
    assert np.abs(difference).max() <= 1
