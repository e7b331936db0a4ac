"""How imported embedders want their chips."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.domain import BoundingBox, Detection, FloatArray, Image
from app.vision.embedders.facenet import TEMPLATE, FaceNetEmbedder
from app.vision.embedders.onnx_embedder import ARCFACE_TEMPLATE, OnnxEmbedder
from app.vision.embedders.specs import SPECS, make_embedder, spec_of
from app.vision.importing.kinds import KINDS
from app.vision.importing.manifest import Imported, Manifest
from app.vision.pack_table import EMBEDDERS
from tests.networks import toy_embedder

EYES_AND_MOUTH = np.array([[202, 101], [246, 102], [223, 128], [203, 141], [245, 142]], np.float32)
ASTRONAUT = Detection(BoundingBox(178, 60, 268, 176), EYES_AND_MOUTH, 1.0)


def _imported(folder: Path, name: str, shape: list[int], *, normalises: bool = False, batch: int = 32) -> Imported:
    spec = SPECS[name]
    path = folder / f"{name}.onnx"
    path.write_bytes(
        toy_embedder(shape, spec.dimension, normalises=normalises, fixed_reshape=batch == 1).SerializeToString()
    )
    manifest = Manifest(
        name=name,
        kind="embedder",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size=path.stat().st_size,
        licence="",
        source="",
        source_file="",
        source_sha256="",
        source_size=0,
        dimension=spec.dimension,
        batch=batch,
        layout="nhwc" if shape[3] == 3 else "nchw",
        normalises=normalises,
    )
    return Imported(manifest, path)


def test_specs_packs_and_kinds_agree() -> None:
    assert set(SPECS) == {name for name, kind in KINDS.items() if kind.role == "embedder"}
    assert {name: EMBEDDERS[name].dimension for name in SPECS} == {name: spec.dimension for name, spec in SPECS.items()}


@pytest.mark.parametrize(
    ("name", "normalises", "expected"),
    [
        ("mobilefacenet", False, (np.array([1.0, 0.5, 0.0]) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
        ("sface", True, np.array([255, 127.5, 0])),
        ("insightface-arcface", False, np.array([1, 0, -1])),
        ("insightface-arcface", True, np.array([255, 127.5, 0])),
        ("facenet", False, np.array([127.5, 0, -127.5]) / 128),
    ],
)
def test_pixels_are_scaled_as_the_network_was_trained(
    tmp_path: Path, name: str, normalises: bool, expected: FloatArray
) -> None:
    side = SPECS[name].size
    embedder = make_embedder(_imported(tmp_path, name, [1, 3, side, side], normalises=normalises), flip=False)
    chip = np.zeros((1, side, side, 3), np.uint8)
    chip[..., 0], chip[..., 1] = 255, 127
    chip[0, : side // 2, :, 1] = 128  # 127.5 on average
    pixels = embedder.prepare(chip)
    assert pixels.shape == (1, 3, side, side)
    np.testing.assert_allclose(pixels.mean((0, 2, 3)), expected, atol=1e-3)


def test_the_older_facenet_takes_each_picture_by_itself(tmp_path: Path) -> None:
    embedder = make_embedder(_imported(tmp_path, "facenet-128", [1, 160, 160, 3]), flip=False)
    chips = np.random.default_rng(0).integers(40, 200, (2, 160, 160, 3)).astype(np.uint8)
    pixels = embedder.prepare(chips)
    assert pixels.shape == (2, 160, 160, 3)
    np.testing.assert_allclose(pixels.mean((1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(pixels.std((1, 2, 3)), 1, atol=1e-3)


def test_the_manifest_decides_batch_and_layout(tmp_path: Path) -> None:
    imported = _imported(tmp_path, "facenet", [1, 160, 160, 3], batch=1)
    spec = spec_of(imported.manifest)
    assert (spec.batch, spec.layout) == (1, "nhwc")
    chips = np.random.default_rng(0).integers(0, 255, (3, 160, 160, 3)).astype(np.uint8)
    vectors = make_embedder(imported, flip=True).embed(chips)
    assert vectors.shape == (3, 512)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_aligned_embedders_cut_by_the_arcface_template(tmp_path: Path, astronaut: Image) -> None:
    embedder = make_embedder(_imported(tmp_path, "sface", [1, 3, 112, 112]), flip=False)
    assert type(embedder) is OnnxEmbedder
    assert embedder.template is ARCFACE_TEMPLATE
    assert embedder.cut(astronaut, ASTRONAUT).shape == (112, 112, 3)


def test_sface_cuts_and_feeds_chips_as_opencv_does(tmp_path: Path, astronaut: Image) -> None:
    imported = _imported(tmp_path, "sface", [1, 3, 112, 112], normalises=True)
    ours = make_embedder(imported, flip=False)
    theirs = cv2.FaceRecognizerSF.create(str(imported.model), "")
    chip = ours.cut(astronaut, ASTRONAUT)
    expected = theirs.feature(np.ascontiguousarray(chip[..., ::-1]))[0]
    np.testing.assert_allclose(ours.describe(chip[None])[0], expected, rtol=1e-3, atol=1e-4)
    row = np.array([178, 60, 90, 116, *EYES_AND_MOUTH.reshape(-1), 1], np.float32)[None]
    cut = theirs.alignCrop(np.ascontiguousarray(astronaut[..., ::-1]), row)[..., ::-1]
    assert np.abs(cut.astype(int) - chip).mean() < 2


def test_facenet_sees_faces_stretched_as_in_its_training(tmp_path: Path, astronaut: Image) -> None:
    embedder = make_embedder(_imported(tmp_path, "facenet", [1, 3, 160, 160]), flip=False)
    assert isinstance(embedder, FaceNetEmbedder)
    picture = np.zeros_like(astronaut)
    for number, (x, y) in enumerate(EYES_AND_MOUTH.astype(int)):
        cv2.circle(picture, (int(x), int(y)), 3, (255, 255, 255) if number == 2 else (200, 200, 200), -1)
    chip = embedder.cut(picture, ASTRONAUT)
    assert chip.shape == (160, 160, 3)
    nose = np.argwhere(chip[..., 0] > 230).mean(0)[::-1]
    np.testing.assert_allclose(nose, TEMPLATE[2], atol=8)
    eyes = [np.argwhere((chip[..., 0] > 100) & half & top).mean(0)[1] for half, top in _corners()]
    assert eyes[1] - eyes[0] == pytest.approx(TEMPLATE[1, 0] - TEMPLATE[0, 0], abs=8)


def _corners() -> list[tuple[np.ndarray, np.ndarray]]:
    rows, columns = np.mgrid[:160, :160]
    return [(columns < 80, rows < 80), (columns >= 80, rows < 80)]
