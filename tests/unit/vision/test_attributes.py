"""Guesses about faces, through DeepFace's own clients on small graphs that stand for its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from app.domain import Image
from app.errors import ConfigError
from app.vision import FaceEngine, ModelFiles
from app.vision.attributes import AttributeReader

pytestmark = pytest.mark.xdist_group("deepface")  # DeepFace keeps its models in the process


def graph(path: Path, side: int, channels: int, probabilities: list[float]) -> None:
    """A network of DeepFace's shape that answers these probabilities, whatever it sees."""
    logits = np.log(np.array(probabilities, np.float32))
    weights = np.zeros((channels, len(logits)), np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0),
        helper.make_node("Gemm", ["mean", "w", "b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"], axis=1),
    ]
    values = {"axes": np.array([1, 2], np.int64), "w": weights, "b": logits}
    made = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", side, side, channels])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", len(logits)])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def sure(index: int, count: int) -> list[float]:
    return [0.9 if i == index else 0.1 / (count - 1) for i in range(count)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    folder = tmp_path_factory.mktemp("attributes")
    made = ModelFiles.within(Path.home() / ".cache" / "faaaaaces-tests" / "models", folder)
    made.deepface.mkdir(parents=True)
    graph(made.deepface / "age_model_weights.onnx", 224, 3, sure(42, 101))
    graph(made.deepface / "gender_model_weights.onnx", 224, 3, sure(0, 2))
    graph(made.deepface / "race_model_single_batch.onnx", 224, 3, sure(3, 6))
    graph(made.deepface / "facial_expression_model_weights.onnx", 48, 1, sure(3, 7))
    graph(made.deepface / "2.7_80x80_MiniFASNetV2.onnx", 80, 3, [0.1, 0.8, 0.1])
    graph(made.deepface / "4_0_0_80x80_MiniFASNetV1SE.onnx", 80, 3, [0.2, 0.6, 0.2])
    return made


def test_what_was_asked_for_is_answered(files: ModelFiles, astronaut: Image) -> None:
    engine = FaceEngine("bundled", files, attributes=["age", "gender", "emotion", "race", "liveness"])
    beside = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    ((one,), (first, second), ()) = engine.analyse([astronaut, beside, np.zeros((64, 64, 3), np.uint8)])
    assert one.attributes is not None
    assert one.attributes.age == pytest.approx(42 * 0.9 + (5050 - 42) * 0.001, abs=0.1)
    assert (one.attributes.gender, one.attributes.emotion, one.attributes.race) == ("Woman", "happy", "white")
    assert one.attributes.liveness == pytest.approx(0.7, abs=1e-3)
    assert first.attributes == second.attributes == one.attributes


def test_the_rest_stays_empty(files: ModelFiles, astronaut: Image) -> None:
    reader = AttributeReader(["gender"], files)
    (face,) = FaceEngine("bundled", files).detect([astronaut])[0]
    (answer,) = reader.read(astronaut, [face])
    assert (answer.gender, answer.age, answer.liveness) == ("Woman", None, None)
    assert reader.read(astronaut, []) == []


def test_nothing_is_guessed_unless_asked(files: ModelFiles, astronaut: Image) -> None:
    assert FaceEngine("bundled", files).analyse([astronaut])[0][0].attributes is None


def test_an_unknown_attribute_is_refused(files: ModelFiles) -> None:
    with pytest.raises(ConfigError, match=r"'hair'.*age, gender"):
        AttributeReader(["age", "hair"], files)
