from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper

from app.domain import BoundingBox, Detection, Image
from app.errors import InvalidInputError, ModelError
from app.vision.embedders.compatible import CompatibleEmbedder, fit, level_crop
from app.vision.embedders.onnx_embedder import ARCFACE_TEMPLATE, EmbedderSpec, OnnxEmbedder
from app.vision.letterbox import Layout
from app.vision.runtime import RuntimeOptions

CPU = RuntimeOptions(providers=("cpu",))
SIDE = 8
SPEC = EmbedderSpec("small", SIDE * SIDE * 3, size=SIDE)


def flattening(batch: int | str = "n", layout: str = "nchw") -> bytes:
    """A network that gives its pixels as they are."""
    shape = [batch, 3, SIDE, SIDE] if layout == "nchw" else [batch, SIDE, SIDE, 3]
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["in"], ["out"])],
        "flatten",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, SIDE * SIDE * 3])],
    )
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )


def chips(count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("bgr", [False, True])
def test_pixels_reach_the_network_as_the_spec_says(layout: Layout, bgr: bool) -> None:
    spec = replace(SPEC, layout=layout, bgr=bgr, mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0))
    pixels = chips()
    expected = (pixels - np.array([1.0, 2.0, 3.0])) / [4.0, 5.0, 6.0]
    expected = expected[..., ::-1] if bgr else expected
    expected = expected.transpose(0, 3, 1, 2) if layout == "nchw" else expected
    found = OnnxEmbedder(spec, flattening(layout=layout), runtime=CPU).describe(pixels)
    np.testing.assert_allclose(found, expected.reshape(2, -1), rtol=1e-5, atol=1e-5)


def test_chips_are_standardised_one_by_one() -> None:
    pixels = chips(3)
    pixels[2] = 90
    found = OnnxEmbedder(replace(SPEC, standardised=True), flattening(), runtime=CPU).describe(pixels)
    np.testing.assert_allclose(found[:2].mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(found[:2].std(1), 1, atol=1e-4)
    np.testing.assert_array_equal(found[2], 0)


@pytest.mark.parametrize("count", [0, 1, 3, 7])
@pytest.mark.parametrize("batch", [1, 3])
def test_batches_are_bounded(batch: int, count: int) -> None:
    embedder = OnnxEmbedder(replace(SPEC, batch=batch), flattening(1 if batch == 1 else "n"), runtime=CPU)
    pixels = chips(count)
    embedded = embedder.embed(pixels)
    assert embedded.shape == (count, SPEC.dimension)
    assert embedded.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(embedder.describe(pixels)[:, 0], (pixels[:, 0, 0, 0] - 127.5) / 128, atol=1e-5)


def test_flipping_makes_mirror_images_equal() -> None:
    pixels = chips()
    flipped = OnnxEmbedder(SPEC, flattening(), flip=True, runtime=CPU)
    np.testing.assert_allclose(flipped.embed(pixels), flipped.embed(pixels[:, :, ::-1]), atol=1e-6)
    plain = OnnxEmbedder(SPEC, flattening(), runtime=CPU)
    assert np.abs(plain.embed(pixels) - plain.embed(pixels[:, :, ::-1])).max() > 0.01


def test_landmarks_come_to_lie_on_the_template(astronaut: Image) -> None:
    embedder = OnnxEmbedder(replace(SPEC, size=112, dimension=112 * 112 * 3), flattening(), runtime=CPU)
    assert embedder.template is ARCFACE_TEMPLATE
    points = (ARCFACE_TEMPLATE * 2 + [100, 50]).astype(np.float32)
    chip = embedder.cut(astronaut, Detection(BoundingBox(100, 50, 324, 274), points, 0.9))
    assert chip.shape == (112, 112, 3)
    expected = astronaut[51:273:2, 101:323:2][20:90, 20:90].astype(int)
    assert np.abs(chip[20:90, 20:90].astype(int) - expected).mean() < 12


@pytest.mark.parametrize(
    "wrong",
    [chips().astype(np.float32), chips()[0], chips()[:, :4], chips()[..., :1]],
    ids=["dtype", "3d", "low", "grey"],
)
def test_other_chips_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InvalidInputError, match="8, 8, 3"):
        OnnxEmbedder(SPEC, flattening(), runtime=CPU).embed(wrong)


def test_vectors_of_another_length_are_refused() -> None:
    with pytest.raises(ModelError, match="small"):
        OnnxEmbedder(replace(SPEC, dimension=7), flattening(), runtime=CPU).embed(chips())


def test_presence_is_the_distance_to_blank_chips() -> None:
    embedder = OnnxEmbedder(SPEC, flattening(), runtime=CPU)
    grey = embedder.embed(np.full((1, SIDE, SIDE, 3), 224, np.uint8))
    assert float(embedder.presence(grey)[0]) == pytest.approx(0, abs=1e-5)
    assert float(embedder.presence(embedder.embed(chips(1)))[0]) > 0.2
    assert embedder.presence(np.empty((0, SPEC.dimension), np.float32)).shape == (0,)


def compatible() -> CompatibleEmbedder:
    spec = replace(SPEC, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), bgr=True, layout="nhwc")
    return CompatibleEmbedder(spec, flattening(layout="nhwc"), runtime=CPU)


def level(x1: float, y1: float, x2: float, y2: float) -> Detection:
    points = np.array([[x1, y1], [x2, y1], [x1, y2], [x1, y2], [x2, y2]], np.float32)
    return Detection(BoundingBox(x1, y1, x2, y2), points, 0.9)


def test_compatible_chips_are_the_box_on_black(astronaut: Image) -> None:
    embedder = compatible()
    assert embedder.template is None
    chip = embedder.cut(astronaut, level(100.9, 50.9, 104.2, 58.2))
    assert chip.dtype == np.float32
    np.testing.assert_array_equal(chip[:, :2], 0)
    np.testing.assert_allclose(chip[:, 2:6], astronaut[50:58, 100:104] / 255, atol=1e-6)
    np.testing.assert_allclose(embedder.describe(chip[None]), chip[..., ::-1].reshape(1, -1), atol=1e-6)
    with pytest.raises(InvalidInputError, match="float32"):
        embedder.embed(chips())


@pytest.mark.parametrize("box", [(-50, -40, -10, -20), (600, 600, 700, 700), (30, 30, 30, 60), (9, 9, 2, 2)])
def test_compatible_boxes_without_pixels_are_black(astronaut: Image, box: tuple[float, ...]) -> None:
    chip = compatible().cut(astronaut, level(*box))
    assert chip.shape == (SIDE, SIDE, 3)
    assert not chip.any()


def test_a_tilted_face_is_turned(astronaut: Image) -> None:
    upright = level(200, 80, 240, 120)
    quarter = np.rot90(astronaut, -1)  # a quarter clockwise: (x, y) comes to (511 - y, x)
    turned = np.column_stack([511 - upright.landmarks[:, 1], upright.landmarks[:, 0]]).astype(np.float32)
    crop = level_crop(np.ascontiguousarray(quarter), Detection(BoundingBox(392, 200, 432, 240), turned, 0.9))
    difference = np.abs(crop.astype(int) - level_crop(astronaut, upright).astype(int))
    assert difference[2:-2, 2:-2].mean() < 16  # half a pixel apart


def test_fits_crops_of_all_shapes() -> None:
    assert not fit(np.zeros((0, 5, 3), np.uint8), 112).any()
    wide = fit(np.full((10, 400, 3), 255, np.uint8), 112)
    assert wide.shape == (112, 112, 3)
    assert (wide[55] == 1).all()
    assert not wide[:50].any()
    assert fit(np.full((1, 500, 3), 255, np.uint8), 112).max() == 1


def test_a_damaged_graph_is_refused() -> None:
    with pytest.raises(ModelError):
        OnnxEmbedder(SPEC, flattening()[:30], runtime=CPU).embed(chips())
