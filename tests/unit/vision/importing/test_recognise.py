"""What a file is taken for, and what is refused with which sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from app.errors import InvalidInputError
from app.vision.importing import recognise as module
from app.vision.importing.kinds import KINDS, KNOWN_FILES
from app.vision.importing.recognise import recognise
from tests.networks import Graph, toy_embedder, toy_scrfd, toy_yunet

BOX, POINTS = [0.0] * 4, [0.0] * 10


def _save(folder: Path, model: onnx.ModelProto, name: str = "some.onnx") -> Path:
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        (toy_yunet(16, BOX, POINTS), ["yunet"]),
        (toy_yunet(16, BOX, POINTS, side=640), ["yunet"]),
        (toy_scrfd(16, BOX, POINTS), ["scrfd"]),
        (toy_scrfd(16, BOX, POINTS, batched=True, side=640), ["scrfd"]),
        (toy_embedder([1, 3, 112, 112], 128), ["mobilefacenet", "sface"]),
        (toy_embedder([1, 3, 112, 112], 128, normalises=True), ["sface", "mobilefacenet"]),
        (toy_embedder(["n", 3, 112, 112], 512), ["insightface-arcface"]),
        (toy_embedder(["n", 160, 160, 3], 512), ["facenet"]),
        (toy_embedder([1, 3, 160, 160], 128), ["facenet-128"]),
    ],
    ids=["yunet", "yunet 640", "scrfd", "scrfd 640", "128", "128 scaling", "512", "facenet nhwc", "facenet-128"],
)
def test_graphs_are_told_by_what_they_take_and_give(tmp_path: Path, model: onnx.ModelProto, kinds: list[str]) -> None:
    found = recognise(_save(tmp_path, model))
    assert [kind.name for kind in found.kinds] == kinds
    assert not found.known
    assert found.format == "onnx"
    assert found.licence == KINDS[kinds[0]].licence
    assert found.size == (tmp_path / "some.onnx").stat().st_size


@pytest.mark.parametrize(
    ("model", "normalises", "layout"),
    [
        (toy_embedder([1, 3, 112, 112], 512), False, "nchw"),
        (toy_embedder([1, 3, 112, 112], 512, normalises=True), True, "nchw"),
        (toy_embedder([1, 160, 160, 3], 512), False, "nhwc"),
    ],
)
def test_normalisation_and_layout_are_seen(
    tmp_path: Path, model: onnx.ModelProto, normalises: bool, layout: str
) -> None:
    found = recognise(_save(tmp_path, model))
    assert (found.normalises, found.layout) == (normalises, layout)


@pytest.mark.parametrize(
    ("file", "kind", "licence"),
    [
        ("yunet_n_dynamic.onnx", "yunet", "Apache-2.0"),
        ("mobilefacenet_arcface_128.onnx", "mobilefacenet", "Apache-2.0"),
        ("retinaface_mobilenet025.pth", "retinaface-mobile", "MIT"),
    ],
)
def test_published_files_are_known(shared: Path, file: str, kind: str, licence: str) -> None:
    found = recognise(shared / "models" / file)
    assert found.known
    assert [one.name for one in found.kinds] == [kind]
    assert found.licence == licence


def test_known_files_are_of_known_kinds() -> None:
    assert {file.kind for file in KNOWN_FILES.values()} <= set(KINDS)
    assert all(len(checksum) == 64 and int(checksum, 16) for checksum in KNOWN_FILES)


def _without_points() -> onnx.ModelProto:
    model = toy_scrfd(16, BOX, POINTS)
    del model.graph.output[6:]
    return model


def _two_inputs() -> onnx.ModelProto:
    model = toy_embedder([1, 3, 112, 112], 512)
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1]))
    return model


def _own_operators() -> onnx.ModelProto:
    model = toy_embedder([1, 3, 112, 112], 512)
    model.graph.node[0].domain = "evil.example"
    return model


def _weights_elsewhere() -> onnx.ModelProto:
    model = toy_embedder([1, 3, 112, 112], 512)
    part = model.graph.initializer[0]
    part.ClearField("raw_data")
    part.data_location = onnx.TensorProto.EXTERNAL
    entry = part.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return model


def _sums() -> onnx.ModelProto:
    graph = Graph()
    graph.node("Relu", ["a"], "b")
    return graph.model(("a", [1, 5]), {"b": [1, 5]})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_without_points(), "no landmarks"),
        (_two_inputs(), "none of the networks"),
        (_own_operators(), "operators of its own"),
        (_weights_elsewhere(), "second file"),
        (_sums(), "none of the networks"),
        (toy_embedder([1, 3, 112, 112], 300), "none of the networks"),
        (toy_embedder([1, 112, 112, 3], 512), "models pull"),
    ],
    ids=["scrfd without points", "two inputs", "own operators", "weights elsewhere", "no picture", "300", "DeepFace's"],
)
def test_other_graphs_are_refused(tmp_path: Path, model: onnx.ModelProto, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        recognise(_save(tmp_path, model))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.onnx", b""),
        ("text.onnx", b"This is no network at all.\n" * 50),
        ("noise.onnx", np.random.default_rng(0).bytes(5000)),
        ("half.onnx", toy_embedder([1, 3, 112, 112], 512).SerializeToString()[:-500]),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("weights.pth", b"x" * 500),
        ("archive.onnx", b"PK\x03\x04" + bytes(200)),
        ("pickle.onnx", b"\x80\x02cos\nsystem\n(S'true'\ntR."),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        recognise(tmp_path / name)
    assert str(tmp_path) not in caught.value.message


def test_missing_files_folders_and_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read"):
        recognise(tmp_path / "missing.onnx")
    with pytest.raises(InvalidInputError, match="no file"):
        recognise(tmp_path)
    path = _save(tmp_path, toy_yunet(8, BOX, POINTS))
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    with pytest.raises(InvalidInputError, match="over 1 GB"):
        recognise(path)
