"""The rebuilt net against dlib itself, on real chips."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage

from app.vision.align import align
from app.vision.embedders.dlib_resnet import DlibEmbedder
from app.vision.embedders.dlib_weights import find_weights

dlib = pytest.importorskip("dlib", reason="dlib-bin, a test dependency, is not installed")

ASTRONAUT = np.array([[204, 100], [245, 102], [224, 126], [202, 139], [244, 140]], np.float32)
HOPPER = np.array([[220, 190], [308, 186], [268, 237], [232, 277], [304, 273]], np.float32)


@pytest.fixture(scope="module")
def embedder(models_cache: Path) -> DlibEmbedder:
    return DlibEmbedder(models_cache)


@pytest.fixture(scope="module")
def original():
    return dlib.face_recognition_model_v1(str(find_weights()))


def assert_parity(embedder: DlibEmbedder, original, chips: np.ndarray) -> None:
    theirs = np.stack([np.asarray(original.compute_face_descriptor(chip)) for chip in chips])
    assert np.abs(embedder.describe(chips) - theirs).max() < 1e-5


def test_same_descriptors_as_dlib(embedder, original, astronaut, grace_hopper):
    faces = [align(astronaut, ASTRONAUT), align(grace_hopper, HOPPER)]
    turned = [np.ascontiguousarray(np.rot90(face)) for face in faces]
    odd = [np.zeros_like(faces[0]), np.full_like(faces[0], 255)]
    noise = np.random.default_rng(3).integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    assert_parity(embedder, original, np.stack([*faces, *turned, *odd, *noise]))


def test_same_descriptors_as_dlib_on_many_people(embedder, original, shared):
    chips = []
    for path in sorted((shared / "data" / "faces").glob("*/*"))[::3]:
        with PilImage.open(path) as picture:
            chips.append(cv2.resize(np.asarray(picture.convert("RGB")), (150, 150), interpolation=cv2.INTER_AREA))
    assert len(chips) > 10
    assert_parity(embedder, original, np.stack(chips))
