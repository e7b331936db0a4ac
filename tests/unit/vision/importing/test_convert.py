"""What is kept gives what the file gives, for any batch and, for detectors, any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from app.errors import InvalidInputError
from app.vision.detectors.scrfd import ScrfdDetector
from app.vision.detectors.yunet import YunetDetector
from app.vision.importing.convert import convert
from app.vision.importing.recognise import recognise
from app.vision.runtime import OnnxSession
from tests.networks import Graph, toy_embedder, toy_scrfd, toy_yunet

BOX, POINTS = [0.0, 0.0, 0.7, 0.7], [0.0] * 10


def _convert(folder: Path, model: onnx.ModelProto):
    path = folder / "some.onnx"
    path.write_bytes(model.SerializeToString())
    file = recognise(path)
    return convert(file, file.kinds[0])


@pytest.mark.parametrize("shape", [[1, 3, 112, 112], [1, 160, 160, 3]], ids=["nchw", "nhwc"])
def test_an_embedder_for_one_picture_takes_many(tmp_path: Path, shape: list[int]) -> None:
    model = toy_embedder(shape, 512)
    converted = _convert(tmp_path, model)
    assert (converted.batch, converted.dimension) == (32, 512)
    chips = np.random.default_rng(2).uniform(0, 255, (5, *shape[1:])).astype(np.float32)
    before = OnnxSession(model.SerializeToString())
    expected = np.concatenate([before.run({"data": chip[None]})[0] for chip in chips])
    np.testing.assert_allclose(OnnxSession(converted.model).run({"data": chips})[0], expected, rtol=1e-4, atol=1e-4)


def test_an_embedder_that_cannot_take_many_is_kept_as_it_is(tmp_path: Path) -> None:
    graph = Graph()
    pooled = graph.node("GlobalAveragePool", ["data"])
    tiled = graph.node("Reshape", [pooled, graph.constant([3], np.int64)])  # only one picture has three values
    row = graph.node("Tile", [tiled, graph.constant([43], np.int64)])
    cut = graph.node("Slice", [row, graph.constant([0], np.int64), graph.constant([128], np.int64)])
    graph.node("Unsqueeze", [cut, graph.constant([0], np.int64)], "fc1")
    model = graph.model(("data", [1, 3, 112, 112]), {"fc1": [1, 128]})
    converted = _convert(tmp_path, model)
    assert (converted.batch, converted.dimension) == (1, 128)
    assert converted.model == model.SerializeToString()


@pytest.mark.parametrize("side", [None, 640], ids=["free", "640"])
def test_a_yunet_takes_every_size_and_batch(tmp_path: Path, side: int | None) -> None:
    converted = _convert(tmp_path, toy_yunet(16, BOX, POINTS, side=side))
    assert converted.batch == 32
    image = np.zeros((100, 190, 3), np.uint8)
    image[32:48, 64:80, 2] = 255
    blank = np.zeros_like(image)
    found = YunetDetector(converted.model).detect([blank, image, blank], min_face_size=1, confidence=0.7)
    assert [len(faces) for faces in found] == [0, 1, 0]


@pytest.mark.parametrize(("batched", "batch"), [(True, 32), (False, 1)], ids=["batches", "one by one"])
@pytest.mark.parametrize("side", [None, 640], ids=["free", "640"])
def test_a_scrfd_takes_every_size(tmp_path: Path, side: int | None, batched: bool, batch: int) -> None:
    converted = _convert(tmp_path, toy_scrfd(16, [1.0] * 4, POINTS, batched=batched, side=side))
    assert converted.batch == batch
    image = np.zeros((100, 190, 3), np.uint8)
    image[32:48, 64:80, 0] = 255
    detector = ScrfdDetector(converted.model, batch=converted.batch)
    found = detector.detect([image, np.zeros_like(image), image], min_face_size=1, confidence=0.7)
    assert [len(faces) for faces in found] == [1, 0, 1]


def test_up_scaling_to_a_fixed_size_is_freed(tmp_path: Path) -> None:
    model = toy_yunet(8, BOX, POINTS, side=64)
    # the finest level's objects go down and up again, to a size that the export has fixed
    graph = model.graph
    head = next(node for node in graph.node if node.output[0] == "obj_8")
    maps = next(node for node in graph.node if node.output[0] == head.input[0]).input[0]
    number = [node.output[0] for node in graph.node].index(maps)
    half = onnx.helper.make_node("MaxPool", [maps], ["half"], kernel_shape=[1, 1], strides=[2, 2])
    sizes = onnx.numpy_helper.from_array(np.array([1, 1, 8, 8], np.int64), "sizes")
    graph.initializer.append(sizes)
    up = onnx.helper.make_node("Resize", ["half", "", "", "sizes"], ["again"], mode="nearest")
    turned = next(node for node in graph.node if node.output[0] == head.input[0])
    turned.input[0] = "again"
    graph.node.insert(number + 1, half)
    graph.node.insert(number + 2, up)
    converted = _convert(tmp_path, model)
    shapes = [part.shape for part in OnnxSession(converted.model).run({"input": np.zeros((2, 3, 96, 160), np.float32)})]
    assert shapes[3] == (2, 12 * 20, 1)


def test_a_detector_bound_to_its_size_is_refused(tmp_path: Path) -> None:
    model = toy_yunet(8, BOX, POINTS, side=64)
    for part in model.graph.initializer:
        values = onnx.numpy_helper.to_array(part)
        if values.dtype == np.int64 and values.tolist() == [1, -1, 4]:
            part.CopyFrom(onnx.numpy_helper.from_array(np.array([64, -1, 4], np.int64), part.name))
            break
    with pytest.raises(InvalidInputError):
        _convert(tmp_path, model)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = toy_embedder([1, 3, 112, 112], 512)
    weights = onnx.numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights[0] = np.nan
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, model.graph.initializer[0].name))
    with pytest.raises(InvalidInputError, match="finite"):
        _convert(tmp_path, model)


def test_a_graph_that_the_runtime_refuses(tmp_path: Path) -> None:
    model = toy_embedder([1, 3, 112, 112], 512)
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(InvalidInputError, match="cannot be run"):
        _convert(tmp_path, model)


def test_the_real_embedder_gives_the_same_for_many(shared: Path) -> None:
    path = shared / "models" / "mobilefacenet_arcface_128.onnx"
    file = recognise(path)
    converted = convert(file, file.kinds[0])
    assert (converted.batch, converted.dimension) == (32, 128)
    chips = np.random.default_rng(0).normal(0, 1, (3, 3, 112, 112)).astype(np.float32)
    before, after = OnnxSession(path), OnnxSession(converted.model)
    expected = np.concatenate([before.run({"input0": chip[None]})[0] for chip in chips])
    np.testing.assert_allclose(after.run({"input0": chips})[0], expected, rtol=1e-3, atol=1e-3)
