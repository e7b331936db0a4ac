"""YuNet: the whole way through a network made by hand, and OpenCV's own detector on real weights."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.domain import Detection, Image
from app.vision.detectors.yunet import YunetDetector
from tests.networks import toy_yunet

BOX = [0.25, -0.5, np.log(2.0), np.log(1.5)]
POINTS = [0.1 * value for value in range(10)]


def _blue_squares(*corners: tuple[int, int], size: int, height: int = 128, width: int = 160) -> Image:
    image = np.zeros((height, width, 3), np.uint8)
    for x, y in corners:
        image[y : y + size, x : x + size, 2] = 255
    return image


def _check(face: Detection, x: int, y: int, stride: int) -> None:
    centre_x, centre_y = x + 0.25 * stride, y - 0.5 * stride
    box = [centre_x - stride, centre_y - 0.75 * stride, centre_x + stride, centre_y + 0.75 * stride]
    np.testing.assert_allclose([face.box.x1, face.box.y1, face.box.x2, face.box.y2], box, atol=1e-3)
    np.testing.assert_allclose(face.landmarks, [x, y] + np.reshape(POINTS, (5, 2)) * stride, atol=1e-3)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_a_cell_becomes_its_face(stride: int) -> None:
    detector = YunetDetector(toy_yunet(stride, BOX, POINTS).SerializeToString())
    images = [
        _blue_squares((64, 32), size=stride),
        _blue_squares(size=stride),
        _blue_squares((32, 64), (128, 64), size=stride, height=120, width=250),
    ]
    first, second, third = detector.detect(images, min_face_size=1, confidence=0.7)
    assert len(first) == 1
    assert second == []
    assert len(third) == 2
    _check(first[0], 64, 32, stride)
    for face, (x, y) in zip(sorted(third, key=lambda face: face.box.x1), [(32, 64), (128, 64)], strict=True):
        _check(face, x, y, stride)


def test_red_is_not_blue() -> None:
    detector = YunetDetector(toy_yunet(16, BOX, POINTS).SerializeToString())
    image = np.ascontiguousarray(_blue_squares((64, 32), size=16)[..., ::-1])
    assert detector.detect([image], min_face_size=1, confidence=0.7) == [[]]


def test_small_faces_are_left_out() -> None:
    detector = YunetDetector(toy_yunet(16, BOX, POINTS).SerializeToString())
    images = [_blue_squares((64, 32), size=16)] * 2
    found = detector.detect(images, min_face_size=[24, 25], confidence=0.7)  # the box is 32 x 24
    assert [len(faces) for faces in found] == [1, 0]
    assert detector.detect([], min_face_size=20, confidence=0.7) == []


def test_finds_what_opencv_finds(shared: Path, astronaut: Image, grace_hopper: Image) -> None:
    path = shared / "models" / "yunet_n_dynamic.onnx"
    ours = YunetDetector(path)
    for image in (astronaut[:448, :480], grace_hopper[:512]):
        height, width = image.shape[:2]
        theirs = cv2.FaceDetectorYN.create(str(path), "", (width, height), 0.5, 0.3)
        _, rows = theirs.detect(np.ascontiguousarray(image[..., ::-1]))
        found = ours.detect([np.ascontiguousarray(image)], min_face_size=1, confidence=0.5)[0]
        assert rows is not None
        assert len(found) == len(rows)
        for face, row in zip(found, rows, strict=True):
            box = [face.box.x1, face.box.y1, face.box.width, face.box.height]
            np.testing.assert_allclose(box, row[:4], atol=0.1)
            np.testing.assert_allclose(face.landmarks.reshape(-1), row[4:14], atol=0.1)
            assert face.confidence == pytest.approx(float(row[14]), abs=1e-3)


def test_pictures_of_a_batch_do_not_change_each_other(shared: Path, astronaut: Image, grace_hopper: Image) -> None:
    detector = YunetDetector(shared / "models" / "yunet_n_dynamic.onnx")
    alone = [detector.detect([image], min_face_size=20, confidence=0.6)[0] for image in (astronaut, grace_hopper)]
    together = detector.detect([astronaut, grace_hopper], min_face_size=20, confidence=0.6)
    assert [len(faces) for faces in together] == [1, 1]
    for first, second in zip(alone, together, strict=True):
        np.testing.assert_allclose(first[0].landmarks, second[0].landmarks, atol=0.5)
