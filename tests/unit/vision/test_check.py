"""The check must pass what is right and refuse what is wrong: every usual mistake is made here on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.domain import Detection, FloatArray, Image
from app.errors import ModelError
from app.vision.align import DLIB_TEMPLATE, align
from app.vision.build import build_detector, build_embedder
from app.vision.check import check_pack, check_parts
from app.vision.files import ModelFiles
from app.vision.packs import BUNDLED, get_pack
from app.vision.parts import Detector, Embedder
from app.vision.runtime import RuntimeOptions
from app.vision.sample_faces import grey, plain_faces, reference_vectors, sample_frame, swapped, varied_faces

LIGHT = get_pack("mtcnn+mobilefacenet")


@pytest.fixture(scope="module")
def files(models_cache: Path) -> ModelFiles:
    return ModelFiles.within(models_cache)


@pytest.fixture(scope="module")
def detector(files: ModelFiles) -> Detector:
    return build_detector(BUNDLED, files, RuntimeOptions())


@pytest.fixture(scope="module")
def dlib(files: ModelFiles) -> Embedder:
    return build_embedder(BUNDLED, files, RuntimeOptions())


class Mistaken:
    """dlib's net, with faces cut or coloured in another way than it was trained on."""

    template: FloatArray | None = None
    seconds = 0.0

    def __init__(
        self, right: Embedder, change: Callable[[Image], Any] = lambda chip: chip, template: FloatArray = DLIB_TEMPLATE
    ) -> None:
        self._right, self._change, self._where = right, change, np.asarray(template, np.float32)
        self.dimension = right.dimension

    def cut(self, image: Image, detection: Detection) -> Image:
        return np.ascontiguousarray(self._change(align(image, detection.landmarks, self._where)), dtype=np.uint8)

    def embed(self, chips: np.ndarray) -> FloatArray:
        return self._right.embed(chips)

    def presence(self, embeddings: FloatArray) -> FloatArray:
        return self._right.presence(embeddings)


def scaled(factor: float) -> FloatArray:
    return np.asarray((DLIB_TEMPLATE - 75) * factor + 75, np.float32)


DLIB_MISTAKES: dict[str, dict[str, Any]] = {
    "channel order": {"change": lambda chip: chip[..., ::-1]},
    "pixels of 0..1": {"change": lambda chip: chip // 255},
    "half the contrast": {"change": lambda chip: chip * 0.5 + 64},
    "twice the contrast": {"change": lambda chip: np.clip((chip - 128.0) * 2 + 128, 0, 255)},
    "negative": {"change": lambda chip: 255 - chip},
    "template too large": {"template": scaled(1.3)},
    "template too small": {"template": scaled(0.8)},
    "template moved": {"template": DLIB_TEMPLATE + 12},
    "eyes mirrored": {"template": DLIB_TEMPLATE[[1, 0, 2, 4, 3]]},
}


def test_what_is_right_passes(detector, dlib):
    report = check_parts(BUNDLED, detector, dlib)
    assert report.passed, report.problems
    assert report.remark is None
    assert report.same_farthest * 3 < report.other_nearest
    assert report.reference == pytest.approx(1.0, abs=1e-3)
    assert report.point_error < 0.1
    report.require()


def test_a_right_embedder_in_other_clothes_passes(detector, dlib):
    assert check_parts(BUNDLED, detector, Mistaken(dlib)).passed


@pytest.mark.parametrize("mistake", DLIB_MISTAKES.values(), ids=DLIB_MISTAKES)
def test_a_mistake_with_dlib_is_refused_with_figures(detector, dlib, mistake):
    report = check_parts(BUNDLED, detector, Mistaken(dlib, **mistake))
    assert not report.passed
    with pytest.raises(ModelError, match=r"bundled is refused.*\d\.\d"):
        report.require()


def test_exchanged_channels_show_without_a_record(detector, dlib):
    """Distances alone do not tell: with red and blue exchanged the two people are as far apart as before."""
    unknown = replace(BUNDLED, space="a space without a record")
    assert check_parts(unknown, detector, dlib).passed
    report = check_parts(unknown, detector, Mistaken(dlib, **DLIB_MISTAKES["channel order"]))
    assert report.other_nearest > 3 * report.same_farthest
    assert any("Red and blue" in problem for problem in report.problems)


@pytest.mark.parametrize("mistake", ["pixels of 0..1", "eyes mirrored"])
def test_gross_mistakes_show_without_a_record(detector, dlib, mistake):
    unknown = replace(BUNDLED, space="a space without a record")
    report = check_parts(unknown, detector, Mistaken(dlib, **DLIB_MISTAKES[mistake]))
    assert any("Two people are" in problem for problem in report.problems)


def test_a_detector_that_finds_nothing_is_refused(dlib):
    class Blind:
        seconds = 0.0

        def detect(self, images, *, min_face_size, confidence):
            return [[] for _ in images]

    report = check_parts(BUNDLED, Blind(), dlib)
    assert any("10 of 10 clear pictures" in problem for problem in report.problems)
    # and what the embedder does is still told
    assert report.reference == pytest.approx(1.0, abs=1e-3)


def test_a_detector_that_points_elsewhere_is_refused(detector, dlib):
    class Shifted:
        seconds = 0.0

        def detect(self, images, *, min_face_size, confidence):
            found = detector.detect(images, min_face_size=min_face_size, confidence=confidence)
            return [[replace(one, landmarks=one.landmarks + 20) for one in faces] for faces in found]

    report = check_parts(BUNDLED, Shifted(), dlib)
    assert report.point_error > 0.2
    assert any("eye distances away" in problem for problem in report.problems)


def test_a_pack_is_checked_from_its_files(files):
    report = check_pack(files, BUNDLED)
    assert (report.pack, report.passed) == ("bundled", True)


def test_a_pack_without_weights_says_what_to_do(tmp_path):
    with pytest.raises(ModelError, match="faaaaaces models import"):
        check_pack(ModelFiles.within(tmp_path), get_pack("yunet-mobilefacenet"))


def test_the_sample_faces_are_ten_pictures_of_two_people():
    faces = varied_faces()
    assert len(faces) == 10
    assert {face.name for face in faces} == {"eileen_collins", "grace_hopper"}
    for face in faces:
        height, width = face.image.shape[:2]
        assert face.image.dtype == np.uint8
        assert face.image.flags.c_contiguous
        assert (face.points > 0).all()
        assert (face.points < [width, height]).all()
        assert face.points[0, 0] < face.points[1, 0]
        assert face.points[3, 0] < face.points[4, 0]


def test_changes_of_colour_change_nothing_else():
    face = plain_faces()[0]
    assert (np.ptp(grey(face).image, axis=2) == 0).all()
    assert (swapped(swapped(face)).image == face.image).all()
    assert (swapped(face).image != face.image).any()


def test_records_are_of_unit_length():
    vectors = reference_vectors(BUNDLED.space)
    assert vectors is not None
    assert vectors.shape == (2, BUNDLED.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert reference_vectors("nowhere") is None


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080)])
def test_a_frame_for_timing_holds_both_faces(detector, size):
    frame = sample_frame(*size)
    assert frame.shape == (size[1], size[0], 3)
    assert len(detector.detect([frame], min_face_size=40, confidence=0.9)[0]) == 2
