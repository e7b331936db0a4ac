"""Close-ups: faces larger than a network was trained on are found, and parts of them are no faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.domain import Image
from app.vision.detectors.anchors import Candidates
from app.vision.detectors.one_shot import OneShotDetector
from app.vision.detectors.retinaface_mobile import RetinaFaceMobile
from app.vision.detectors.retinaface_mobile_graph import VARIANTS, build_onnx
from app.vision.detectors.yunet import YunetDetector
from app.vision.importing.pickles import read_state_dict
from app.vision.letterbox import PixelFormat
from tests.networks import toy_yunet

TRUSTED = 200


class _Scripted:
    """Decodes to what a test says, by the sides of the tensor."""

    def __init__(self, seen: dict[tuple[int, int], list[tuple[list[float], float]]]) -> None:
        self.seen = seen
        self.asked: list[tuple[int, int]] = []

    def __call__(self, outputs: object, height: int, width: int, confidence: float) -> Candidates:
        self.asked.append((height, width))
        faces = [(box, score) for box, score in self.seen.get((height, width), []) if score >= confidence]
        boxes = np.array([box for box, _ in faces], np.float32).reshape(-1, 4)
        points = np.repeat(boxes[:, None, :2], 5, axis=1)
        scores = np.array([score for _, score in faces], np.float32)
        return Candidates(np.zeros(len(faces), np.int64), boxes, points, scores)


def _detect(decode: _Scripted, height: int, width: int) -> list[tuple[list[float], float]]:
    model = toy_yunet(16, [0.0] * 4, [0.0] * 10).SerializeToString()
    detector = OneShotDetector(model, PixelFormat(), decode, overlap=0.4, trusted=TRUSTED)
    image = np.zeros((height, width, 3), np.uint8)
    (faces,) = detector.detect([image], min_face_size=1, confidence=0.5)
    return [([face.box.x1, face.box.y1, face.box.x2, face.box.y2], face.confidence) for face in faces]


def test_pictures_are_looked_at_until_there_is_no_room_for_a_large_face() -> None:
    decode = _Scripted({})
    assert _detect(decode, 640, 960) == []
    assert decode.asked == [(640, 960), (320, 480), (160, 256)]
    decode = _Scripted({})
    _detect(decode, 192, 1280)  # long, but a face has no room in its height
    assert decode.asked == [(192, 1280)]


@pytest.mark.parametrize(
    ("fine", "coarse", "expected"),
    [
        ([], [([0, 0, 100, 100], 0.9)], [([0, 0, 200, 200], 0.9)]),
        ([], [([0, 0, 60, 70], 0.9)], []),  # small ones are for the first look
        ([([0, 0, 190, 190], 0.8)], [([0, 0, 100, 100], 0.9)], [([0, 0, 200, 200], 0.9)]),
        ([([60, 60, 120, 120], 0.8)], [([0, 0, 100, 100], 0.9)], [([0, 0, 200, 200], 0.9)]),
        (
            [([60, 60, 120, 120], 0.95)],
            [([0, 0, 100, 100], 0.9)],
            [([60, 60, 120, 120], 0.95), ([0, 0, 200, 200], 0.9)],
        ),
        (
            [([190, 60, 250, 120], 0.8)],
            [([0, 0, 100, 100], 0.9)],
            [([0, 0, 200, 200], 0.9), ([190, 60, 250, 120], 0.8)],
        ),
        (
            [([10, 10, 20, 20], 0.8), ([0, 0, 100, 100], 0.9)],
            [],
            [([0, 0, 100, 100], 0.9), ([10, 10, 20, 20], 0.8)],
        ),
    ],
    ids=["large", "small", "both", "a part", "surer than the whole", "beside", "within a small one"],
)
def test_large_faces_join_the_others(fine: list, coarse: list, expected: list) -> None:
    found = _detect(_Scripted({(320, 384): fine, (160, 192): coarse}), 320, 384)
    assert len(found) == len(expected)
    for (box, score), (expected_box, expected_score) in zip(found, expected, strict=True):
        np.testing.assert_allclose(box, expected_box, atol=1e-3)
        assert score == pytest.approx(expected_score)


def test_sides_that_are_odd_are_brought_back_exactly() -> None:
    found = _detect(_Scripted({(224, 224): [], (128, 128): [([0, 0, 101, 102], 0.9)]}), 203, 201)
    # 203 x 201 becomes 102 x 100
    np.testing.assert_allclose(found[0][0], [0, 0, 101 * 201 / 100, 102 * 203 / 102], rtol=1e-5)


@pytest.mark.parametrize("name", ["yunet", "retinaface-mobile"])
@pytest.mark.parametrize("side", [320, 640, 1024])
def test_a_face_that_fills_the_picture_is_found(shared: Path, astronaut: Image, name: str, side: int) -> None:
    models = shared / "models"
    if name == "yunet":
        detector: OneShotDetector = YunetDetector(models / "yunet_n_dynamic.onnx")
    else:
        variant = VARIANTS["Face-Detector-1MB"]
        state = read_state_dict(models / "retinaface_mobilenet025.pth")
        detector = RetinaFaceMobile(build_onnx(state, variant), variant)
    close = cv2.resize(astronaut[50:190, 160:290], (side, side), interpolation=cv2.INTER_CUBIC)
    (faces,) = detector.detect([np.asarray(close, np.uint8)], min_face_size=20, confidence=0.8)
    assert len(faces) == 1
    assert faces[0].box.width > 0.5 * side
