"""RetinaFace-MobileNet0.25: the graph against PyTorch, the decoding against known geometry, faces on real weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.domain import Image
from app.errors import InvalidInputError
from app.vision.detectors import retinaface_mobile_graph as graph
from app.vision.detectors.retinaface_mobile import RetinaFaceMobile, decode
from app.vision.importing.pickles import read_state_dict
from app.vision.runtime import OnnxSession

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from tests.retinaface_torch import RetinaFace, random_retinaface  # noqa: E402

OURS = graph.VARIANTS["Face-Detector-1MB"]


def _state(net: RetinaFace) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in net.state_dict().items()}


@pytest.fixture(scope="module")
def real(shared: Path) -> dict[str, np.ndarray]:
    return read_state_dict(shared / "models" / "retinaface_mobilenet025.pth")


def _compare(net: RetinaFace, model: bytes, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).uniform(-120, 140, shape).astype(np.float32)
    values = OnnxSession(model).run({graph.INPUT_NAME: pixels})[0]
    with torch.no_grad():
        boxes, classes, points = (part.numpy() for part in net(torch.from_numpy(pixels)))
    scores = 1 / (1 + np.exp(-values[..., 0]))
    np.testing.assert_allclose(scores, classes[..., 1], atol=1e-4)
    np.testing.assert_allclose(values[..., 1:5], boxes, atol=2e-3)
    np.testing.assert_allclose(values[..., 5:], points, atol=2e-3)


@pytest.mark.parametrize("variant", graph.VARIANTS.values(), ids=lambda variant: variant.name)
@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (3, 3, 96, 160)], ids=["one", "batch"])
def test_graph_gives_what_pytorch_gives(variant: graph.Variant, shape: tuple[int, ...]) -> None:
    net = random_retinaface(variant.slope)
    _compare(net, graph.build_onnx(_state(net), variant), shape)


def test_graph_of_real_weights_gives_what_pytorch_gives(real: dict[str, np.ndarray]) -> None:
    net = RetinaFace(OURS.slope).eval()
    net.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in real.items()})
    _compare(net, graph.build_onnx(real, OURS), (2, 3, 128, 96))


def test_names_of_several_devices_are_understood() -> None:
    state = _state(random_retinaface(0.0))
    wrapped = {f"module.{name}": values for name, values in state.items()}
    assert graph.is_retinaface_mobile(wrapped)
    assert graph.build_onnx(wrapped, OURS) == graph.build_onnx(state, OURS)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("ssh2.conv5X5_1.1.running_var"),
        lambda state: state.update({"body.stage2.0.3.weight": np.zeros((64, 64, 1, 1), np.float32)}),
        lambda state: state.update({"ClassHead.0.conv1x1.weight": np.zeros((6, 64, 1, 1), np.float32)}),
        lambda state: state.update({"fpn.merge1.0.weight": np.zeros(3, np.float32)}),
    ],
    ids=["missing", "other channels", "other anchors", "other shape"],
)
def test_other_weights_are_refused(spoil: object) -> None:
    state = _state(random_retinaface(0.0))
    spoil(state)  # type: ignore[operator]
    with pytest.raises(InvalidInputError, match="not the weights"):
        graph.build_onnx(state, OURS)


@pytest.mark.parametrize(
    ("level", "row", "column", "kind", "side"),
    [(0, 3, 5, 0, 10), (0, 7, 0, 1, 20), (1, 1, 2, 0, 32), (2, 0, 1, 1, 256)],
)
def test_an_anchor_becomes_its_face(level: int, row: int, column: int, kind: int, side: float) -> None:
    height, width = 64, 96
    counts = [2 * (height // stride) * (width // stride) for stride in graph.STRIDES]
    stride = graph.STRIDES[level]
    anchor = sum(counts[:level]) + (row * (width // stride) + column) * 2 + kind
    values = np.zeros((2, sum(counts), graph.VALUES), np.float32)
    values[..., 0] = -9
    values[1, anchor] = [2.0, 1, -2, 5 * np.log(2.0), 0, *np.arange(10)]
    found = decode([values], height, width, 0.7, OURS)
    assert found.picture.tolist() == [1]
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-2)))
    x, y = (column + 0.5) * stride + 0.1 * side, (row + 0.5) * stride - 0.2 * side
    np.testing.assert_allclose(found.boxes[0], [x - side, y - side / 2, x + side, y + side / 2], rtol=1e-5)
    centre = np.array([(column + 0.5) * stride, (row + 0.5) * stride])
    np.testing.assert_allclose(found.points[0], centre + 0.1 * side * np.arange(10).reshape(5, 2), rtol=1e-5)


def test_finds_real_faces(real: dict[str, np.ndarray], astronaut: Image, grace_hopper: Image) -> None:
    detector = RetinaFaceMobile(graph.build_onnx(real, OURS), OURS)
    (eileen,), (grace,) = detector.detect([astronaut, grace_hopper], min_face_size=40, confidence=0.7)
    assert eileen.confidence > 0.99
    np.testing.assert_allclose(eileen.landmarks, [[202, 101], [246, 102], [223, 128], [203, 141], [245, 142]], atol=4)
    assert eileen.landmarks.dtype == np.float32
    np.testing.assert_allclose(grace.landmarks, [[225, 195], [304, 190], [263, 241], [236, 278], [304, 273]], atol=6)
    assert detector.seconds > 0
