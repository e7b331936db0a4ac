from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.domain import Detection, Image
from app.vision.boxes import overlap
from app.vision.detectors.mtcnn import MtcnnDetector


@pytest.fixture(scope="module", params=["fast", "exact"])
def detector(request: pytest.FixtureRequest, models_cache: Path) -> MtcnnDetector:
    return MtcnnDetector(models_cache, variant=request.param)


def find(detector: MtcnnDetector, image: Image, min_face_size: int = 20, confidence: float = 0.8) -> list[Detection]:
    (faces,) = detector.detect([image], min_face_size=min_face_size, confidence=confidence)
    return faces


def corners(face: Detection) -> list[float]:
    return [face.box.x1, face.box.y1, face.box.x2, face.box.y2]


def same(first: list[Detection], second: list[Detection], tolerance: float = 1e-3) -> bool:
    return len(first) == len(second) and all(
        np.allclose(corners(one), corners(two), atol=tolerance)
        and np.allclose(one.landmarks, two.landmarks, atol=tolerance)
        for one, two in zip(first, second, strict=True)
    )


def test_finds_the_astronaut(detector: MtcnnDetector, astronaut: Image):
    (face,) = find(detector, astronaut)
    assert face.confidence > 0.99
    assert overlap(np.array([corners(face)]), np.array([[175.0, 65.0, 270.0, 185.0]]))[0, 0] > 0.7
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert face.landmarks.dtype == np.float32
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_finds_grace_hopper(detector: MtcnnDetector, grace_hopper: Image):
    (face,) = find(detector, grace_hopper)
    assert overlap(np.array([corners(face)]), np.array([[170.0, 110.0, 350.0, 340.0]]))[0, 0] > 0.5


@pytest.mark.parametrize("min_face_size", [1, 12, 20, 40, 60, 90])
def test_every_smallest_size_works(detector: MtcnnDetector, astronaut: Image, min_face_size: int):
    # The package itself crashes for 40 and 60.
    (face,) = find(detector, astronaut, min_face_size, 0.9)
    assert overlap(np.array([corners(face)]), np.array([[175.0, 65.0, 270.0, 185.0]]))[0, 0] > 0.6


def test_faces_below_the_smallest_size_are_not_looked_for(detector: MtcnnDetector, astronaut: Image):
    assert find(detector, astronaut, 300) == []


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((360, 640, 3), np.uint8),
        np.full((360, 640, 3), 255, np.uint8),
        np.zeros((11, 640, 3), np.uint8),
        np.zeros((2000, 13, 3), np.uint8),
        np.zeros((12, 12, 3), np.uint8),
        np.zeros((13, 4000, 3), np.uint8),
        np.zeros((0, 10, 3), np.uint8),
    ],
    ids=["one pixel", "black", "white", "flat", "narrow", "a window", "very wide", "nothing"],
)
@pytest.mark.parametrize("min_face_size", [20, 40])
def test_pictures_without_a_face(detector: MtcnnDetector, image: Image, min_face_size: int):
    assert find(detector, image, min_face_size, 0.5) == []


def test_noise_gives_no_certain_face(detector: MtcnnDetector):
    noise = np.random.default_rng(0).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    assert find(detector, noise, confidence=0.9) == []


def test_pictures_at_once_give_what_each_gives_alone(detector: MtcnnDetector, astronaut: Image, grace_hopper: Image):
    images = [astronaut, np.zeros((1, 1, 3), np.uint8), grace_hopper, astronaut[:300, 100:400], astronaut]
    together = detector.detect(images, min_face_size=[20, 20, 40, 30, 20], confidence=0.7)
    alone = [find(detector, image, size, 0.7) for image, size in zip(images, [20, 20, 40, 30, 20], strict=True)]
    assert [len(faces) for faces in together] == [1, 0, 1, 1, 1]
    assert all(same(first, second) for first, second in zip(together, alone, strict=True))


def test_one_picture_gives_what_it_gives_among_many(detector: MtcnnDetector, astronaut: Image, grace_hopper: Image):
    """Among many each picture is one thread's; alone its strips and crops are spread over all."""
    room = np.concatenate([astronaut, grace_hopper[:512]], axis=1)
    alone = find(detector, room)
    many = detector.detect([room] * 40, min_face_size=20, confidence=0.8)
    assert len(alone) == 2
    assert all(same(faces, alone) for faces in many)


def test_no_pictures_no_faces(detector: MtcnnDetector):
    assert detector.detect([], min_face_size=20, confidence=0.7) == []


def test_two_faces_in_one_picture_come_most_certain_first(
    detector: MtcnnDetector, astronaut: Image, grace_hopper: Image
):
    picture = np.concatenate([astronaut, grace_hopper[:512]], axis=1)
    faces = find(detector, picture)
    assert sorted(face.box.x1 > 512 for face in faces) == [False, True]
    assert faces[0].confidence >= faces[1].confidence


def test_coordinates_follow_the_picture(detector: MtcnnDetector, astronaut: Image):
    (face,) = find(detector, astronaut)
    shifted = np.zeros((600, 700, 3), np.uint8)
    shifted[60 : 60 + 512, 100 : 100 + 512] = astronaut
    (moved,) = find(detector, shifted)
    np.testing.assert_allclose(np.array(corners(moved)) - [100, 60, 100, 60], corners(face), atol=6)
    np.testing.assert_allclose(moved.landmarks - [100, 60], face.landmarks, atol=3)


def test_a_face_at_the_edge_may_reach_over_it(detector: MtcnnDetector, astronaut: Image):
    (face,) = find(detector, astronaut[85:], confidence=0.6)
    assert face.box.y1 < 3


def test_confidence_is_a_lower_bound(detector: MtcnnDetector, astronaut: Image):
    blurred = astronaut[::6, ::6]
    (face,) = find(detector, blurred, 12, 0.5)
    assert 0.5 < face.confidence < 1
    assert len(find(detector, blurred, 12, face.confidence - 1e-3)) == 1
    assert find(detector, blurred, 12, face.confidence + 1e-3) == []


def test_threads_may_share_a_detector(detector: MtcnnDetector, astronaut: Image, grace_hopper: Image):
    images = [astronaut, grace_hopper] * 3
    expected = [find(detector, image) for image in images]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda image: find(detector, image), images))
    assert all(same(first, second) for first, second in zip(found, expected, strict=True))


def test_counts_the_seconds_in_its_nets(detector: MtcnnDetector, astronaut: Image):
    before = detector.seconds
    find(detector, astronaut)
    assert detector.seconds > before


def test_threads_in_different_nets_count_once(detector: MtcnnDetector, astronaut: Image):
    before, started = detector.seconds, time.perf_counter()
    detector.detect([astronaut] * 6, min_face_size=20, confidence=0.7)
    assert 0 < detector.seconds - before <= time.perf_counter() - started


def test_the_picture_is_left_as_it_was(detector: MtcnnDetector, astronaut: Image):
    copy = astronaut.copy()
    copy.setflags(write=False)
    find(detector, copy)
    assert (copy == astronaut).all()
