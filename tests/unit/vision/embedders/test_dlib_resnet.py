from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.errors import InvalidInputError
from app.vision.align import align
from app.vision.embedders.blanks import blank_chips
from app.vision.embedders.dlib_resnet import DlibEmbedder
from app.vision.packs import BUNDLED
from app.vision.parts import to_unit_length

# Where a five-point detector sees the faces of the two pictures; read off them.
ASTRONAUT = np.array([[204, 100], [245, 102], [224, 126], [202, 139], [244, 140]], np.float32)
HOPPER = np.array([[220, 190], [308, 186], [268, 237], [232, 277], [304, 273]], np.float32)


@pytest.fixture(scope="module")
def embedder(models_cache: Path) -> DlibEmbedder:
    return DlibEmbedder(models_cache)


@pytest.fixture(scope="module")
def chips(astronaut, grace_hopper):
    """One face twice (the second time half as large), then another."""
    half = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    return np.stack(
        [align(astronaut, ASTRONAUT), align(half, (ASTRONAUT + 0.5) / 2 - 0.5), align(grace_hopper, HOPPER)]
    )


def test_vectors_have_unit_length(embedder, chips):
    vectors = embedder.embed(chips)
    assert vectors.shape == (3, embedder.dimension) == (3, 128)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_one_person_is_nearer_than_two(embedder, chips):
    first, again, other = embedder.embed(chips)
    assert 1 - first @ again < 0.04
    assert 1 - first @ other > BUNDLED.same_person_distance


def test_a_mirrored_face_is_the_same_face(embedder, chips):
    assert np.allclose(embedder.embed(chips), embedder.embed(chips[:, :, ::-1]), atol=1e-5)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 65])
def test_batches_change_nothing(embedder, chips, count):
    many = np.resize(chips, (count, *chips.shape[1:]))
    vectors = embedder.embed(many)
    assert vectors.shape == (count, 128)
    assert np.allclose(vectors[-1], embedder.embed(many[-1:])[0], atol=1e-5)


def test_no_chips_no_vectors(embedder):
    none = np.empty((0, 150, 150, 3), np.uint8)
    assert embedder.embed(none).shape == (0, 128)
    assert embedder.describe(none).shape == (0, 128)
    assert embedder.presence(embedder.embed(none)).shape == (0,)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 150, 150, 3), np.float32),
        np.zeros((150, 150, 3), np.uint8),
        np.zeros((1, 112, 112, 3), np.uint8),
        np.zeros((1, 150, 150), np.uint8),
    ],
    ids=["float", "no-batch", "other-size", "grey"],
)
def test_refuses_what_are_no_chips(embedder, wrong):
    with pytest.raises(InvalidInputError):
        embedder.embed(wrong)


def test_faces_are_present_and_emptiness_is_not(embedder, chips):
    faces = embedder.presence(embedder.embed(chips))
    rng = np.random.default_rng(7)
    rough = rng.integers(0, 256, (4, 10, 10, 3), dtype=np.uint8)
    empty = np.stack([cv2.resize(r, (150, 150), interpolation=cv2.INTER_CUBIC) for r in rough])
    nothing = embedder.presence(embedder.embed(empty))
    assert faces.dtype == np.float32
    assert faces.min() > 0.08
    assert nothing.max() < 0.07


def test_seconds_grow_with_work(embedder, chips):
    before = embedder.seconds
    embedder.embed(chips)
    assert embedder.seconds > before


def test_blank_chips_are_the_same_every_time():
    first, second = blank_chips(150), blank_chips(150)
    assert np.array_equal(first, second)
    assert first.shape == (32, 150, 150, 3)
    assert first.dtype == np.uint8
    assert len({chip.tobytes() for chip in first}) == len(first)


def test_unit_length_of_nothing_is_finite():
    assert np.array_equal(to_unit_length(np.zeros((2, 4), np.float32)), np.zeros((2, 4)))


def test_without_mirror_images_it_is_dlibs_own_descriptor(embedder, chips, models_cache):
    plain, mirrored = DlibEmbedder(models_cache, flip=False), np.ascontiguousarray(chips[:, :, ::-1])
    np.testing.assert_allclose(plain.embed(chips), to_unit_length(plain.describe(chips)), atol=1e-6)
    np.testing.assert_allclose(embedder.embed(chips), embedder.embed(mirrored), atol=1e-5)
    assert np.abs(plain.embed(chips) - plain.embed(mirrored)).max() > 1e-3
