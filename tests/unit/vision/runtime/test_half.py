from __future__ import annotations

import numpy as np
import onnx
import pytest

from app.domain import Image
from app.errors import ModelError
from app.vision.detectors.mtcnn_weights import load_net
from app.vision.embedders import dlib_graph
from app.vision.embedders.blanks import blank_chips
from app.vision.runtime import OnnxSession, RuntimeOptions, providers
from app.vision.runtime.half import TOLERANCE, to_half_precision, worst_distance
from app.vision.weights_cache import load_or_build
from tests.small_models import linear_model


@pytest.fixture
def on_gpu(monkeypatch):
    """Takes the CPU for a GPU. It computes graphs of 16 bits too, more slowly."""
    monkeypatch.setattr(providers, "on_nvidia", lambda names: "cpu" in names)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([[1, 0], [0, 2]], [[3, 0], [0, 1]], 0.0),
        ([[1, 0], [0, 2]], [[3, 0], [1, 0]], 1.0),
        ([[1, 0]], [[-1, 0]], 2.0),
        ([[0, 0]], [[0, 0]], 0.0),
        ([[0, 0]], [[1, 0]], np.inf),
        ([[1, 0]], [[np.nan, 0]], np.inf),
        ([[1, 0]], [[np.inf, 0]], np.inf),
        (np.empty((0, 2)), np.empty((0, 2)), 0.0),
    ],
    ids=["alike", "worst of a batch", "opposite", "nothing twice", "nothing", "NaN", "infinite", "empty"],
)
def test_worst_distance(left, right, expected):
    assert worst_distance([np.array(left)], [np.array(right)]) == pytest.approx(expected, abs=1e-12)


def test_worst_distance_is_that_of_the_worst_output():
    same, other = np.ones((1, 2, 2)), np.array([[[1.0, 0], [0, 0]]])
    assert worst_distance([same, same], [same, other]) == pytest.approx(0.5)


def test_dlibs_network_keeps_its_answers_in_half_precision(models_cache, astronaut: Image):
    model = load_or_build(models_cache, "dlib-resnet", dlib_graph.GRAPH_VERSION, dlib_graph.build_onnx)
    smaller = to_half_precision(model)
    assert len(smaller) < 0.6 * len(model)
    chips = np.concatenate([blank_chips(150)[:6], astronaut[None, 30:180, 150:300]])
    inputs = {dlib_graph.INPUT_NAME: chips}
    distance = worst_distance(OnnxSession(model).run(inputs), OnnxSession(smaller).run(inputs))
    assert 0 < distance < TOLERANCE


@pytest.mark.parametrize(("name", "side"), [("pnet", 64), ("rnet", 24), ("onet", 48)])
def test_mtcnns_networks_can_be_converted(models_cache, astronaut: Image, name, side):
    model = load_net(models_cache, name)
    pixels = {"pixels": astronaut[None, 40 : 40 + side, 190 : 190 + side].astype(np.float32)}
    wide, half = OnnxSession(model).run(pixels), OnnxSession(to_half_precision(model)).run(pixels)
    assert [array.dtype for array in half] == [np.float32] * len(wide)
    assert worst_distance(wide, half) < 0.05


def test_no_model_cannot_be_converted():
    with pytest.raises(ModelError):
        to_half_precision(b"no model")


@pytest.mark.usefixtures("on_gpu")
class TestOnAGpu:
    def weights(self, scale: float) -> bytes:
        return linear_model(np.random.default_rng(0).standard_normal((64, 32)).astype(np.float32) * np.float32(scale))

    def example(self) -> np.ndarray:
        return np.random.default_rng(1).standard_normal((4, 64)).astype(np.float32)

    def test_a_network_that_keeps_its_answers_runs_in_half_precision(self):
        session = OnnxSession(self.weights(1.0), example=self.example)
        assert session.half_precision
        (wide,) = OnnxSession(self.weights(1.0)).run({"x": self.example()})
        (half,) = session.run({"x": self.example()})
        assert half.dtype == np.float32
        assert 0 < np.abs(half - wide).max() < 0.1

    @pytest.mark.parametrize("scale", [1e-9, 3e4], ids=["lost in the smallest", "over the largest"])
    def test_a_network_that_does_not_stays_as_it_is(self, scale):
        session = OnnxSession(self.weights(scale), example=self.example)
        assert not session.half_precision
        (wide,) = session.run({"x": self.example()})
        assert np.isfinite(wide).all()

    def test_without_an_example_or_consent_it_stays_as_it_is(self):
        assert not OnnxSession(self.weights(1.0)).half_precision
        exact = RuntimeOptions(half_precision=False)
        assert not OnnxSession(self.weights(1.0), runtime=exact, example=self.example).half_precision

    def test_a_network_that_rejects_its_example_stays_as_it_is(self):
        assert not OnnxSession(self.weights(1.0), example=lambda: np.zeros((1, 3), np.float32)).half_precision

    def test_a_file_is_converted_too(self, tmp_path):
        path = tmp_path / "m.onnx"
        path.write_bytes(self.weights(1.0))
        assert OnnxSession(path, example=self.example).half_precision
        assert onnx.load(path).graph.initializer[0].data_type == onnx.TensorProto.FLOAT


def test_on_a_cpu_nothing_is_converted():
    model = linear_model(np.ones((2, 2), np.float32))
    session = OnnxSession(model, example=lambda: np.ones((1, 2), np.float32))
    assert not session.half_precision
