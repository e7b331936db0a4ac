from __future__ import annotations

import numpy as np
import pytest

from app.domain import FloatArray
from app.errors import ModelError
from app.vision.detectors.mtcnn_graph import build_net
from app.vision.runtime import OnnxSession

SHAPES = {
    "pnet": [(3, 3, 3, 10), (3, 3, 10, 16), (3, 3, 16, 32)],
    "rnet": [(3, 3, 3, 28), (3, 3, 28, 48), (2, 2, 48, 64)],
    "onet": [(3, 3, 3, 32), (3, 3, 32, 64), (3, 3, 64, 64), (2, 2, 64, 128)],
}
DENSE = {"rnet": (576, 128, (4, 2)), "onet": (1152, 256, (4, 10, 2))}
# Per convolution: side of the pool and how many rows it may reach over the edge; None for no pool.
POOLS = {"pnet": [(2, 1), None, None], "rnet": [(3, 1), (3, 0), None], "onet": [(3, 1), (3, 0), (2, 1), None]}


def make_arrays(name: str, seed: int = 0) -> list[FloatArray]:
    """Random weights of the right shapes, with slopes below 0, between 0 and 1, and above 1."""
    random = np.random.default_rng(seed)
    arrays: list[np.ndarray] = []

    def layer(*shape: int) -> None:
        scale = 1 / np.sqrt(np.prod(shape[:-1]))
        arrays.extend([random.normal(0, scale, shape), random.normal(0, 0.1, shape[-1])])

    for shape in SHAPES[name]:
        layer(*shape)
        arrays.append(random.uniform(-1.2, 1.4, (1, 1, shape[-1])))
    if name == "pnet":
        layer(1, 1, 32, 4)
        layer(1, 1, 32, 2)
    else:
        inputs, hidden, heads = DENSE[name]
        layer(inputs, hidden)
        arrays.append(random.uniform(-1, 1, hidden))
        for outputs in heads:
            layer(hidden, outputs)
    return [array.astype(np.float32) for array in arrays]


def conv(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """NHWC, no padding."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
    return np.einsum("nyxchw,hwco->nyxo", windows, kernel) + bias


def prelu(x: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, x * slopes)


def max_pool(x: np.ndarray, side: int, over: int) -> np.ndarray:
    """Stride 2; a last window may reach ``over`` rows and columns over the edge."""
    rows, columns = ((length + over - side) // 2 + 1 for length in x.shape[1:3])
    return np.stack(
        [
            np.stack(
                [x[:, 2 * i : 2 * i + side, 2 * j : 2 * j + side].max(axis=(1, 2)) for j in range(columns)], axis=1
            )
            for i in range(rows)
        ],
        axis=1,
    )


def forward(name: str, arrays: list[FloatArray], pixels: np.ndarray) -> list[np.ndarray]:
    """The net as the paper and the package write it, in float64."""
    x = (pixels.astype(np.float64) - 127.5) / 128
    rest = iter([array.astype(np.float64) for array in arrays])
    for pool in POOLS[name]:
        x = prelu(conv(x, next(rest), next(rest)), next(rest))
        if pool:
            x = max_pool(x, *pool)
    if name == "pnet":
        return [conv(x, next(rest), next(rest)) for _ in range(2)]
    x = x.transpose(0, 2, 1, 3).reshape(len(x), -1)
    x = prelu(x @ next(rest) + next(rest), next(rest))
    return [x @ next(rest) + next(rest) for _ in DENSE[name][2]]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("pnet", (2, 12, 12)),
        ("pnet", (1, 31, 44)),
        ("pnet", (1, 40, 13)),
        ("rnet", (3, 24, 24)),
        ("onet", (2, 48, 48)),
    ],
    ids=["pnet smallest", "pnet odd", "pnet narrow", "rnet", "onet"],
)
@pytest.mark.parametrize("blocked", [True, False])
def test_the_graph_computes_the_net(name, shape, blocked: bool):
    arrays = make_arrays(name)
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.float32)
    answers = run(build_net(name, arrays), pixels, blocked=blocked)
    expected = forward(name, arrays, pixels)
    np.testing.assert_allclose(answers[..., :4], expected[0], atol=2e-5)
    np.testing.assert_allclose(answers[..., -1], expected[-1][..., 1] - expected[-1][..., 0], atol=2e-5)
    if name == "onet":
        np.testing.assert_allclose(answers[..., 4:-1], expected[1], atol=2e-5)


def run(model: bytes, pixels: np.ndarray, *, blocked: bool = True) -> np.ndarray:
    """The answers, channels last."""
    (answers,) = OnnxSession(model, blocked_layout=blocked).run({"pixels": pixels})
    return np.moveaxis(answers, 1, -1)


@pytest.mark.parametrize("shape", [(12, 12), (13, 15), (16, 31), (47, 30)])
def test_a_coarse_net_leaves_out_every_other_window(shape):
    arrays = make_arrays("pnet")
    pixels = np.random.default_rng(1).integers(0, 256, (1, *shape, 3)).astype(np.float32)
    fine, coarse = run(build_net("pnet", arrays), pixels), run(build_net("pnet", arrays, step=4), pixels)
    np.testing.assert_allclose(coarse, fine[:, ::2, ::2], atol=2e-5)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (0.0, 3.0), (-1.0, -0.1), (1.0, 1.0)], ids=["0..1", "0..3", "below 0", "1"]
)
def test_slopes_of_one_kind_only(low: float, high: float):
    arrays = make_arrays("pnet")
    for index in (2, 5, 8):
        arrays[index] = np.random.default_rng(index).uniform(low, high, arrays[index].shape).astype(np.float32)
    pixels = np.random.default_rng(1).integers(0, 256, (1, 20, 20, 3)).astype(np.float32)
    answers = run(build_net("pnet", arrays), pixels)
    np.testing.assert_allclose(answers[..., :4], forward("pnet", arrays, pixels)[0], atol=2e-5)


def test_an_empty_batch_gives_empty_answers():
    session = OnnxSession(build_net("onet", make_arrays("onet")), blocked_layout=True)
    (answers,) = session.run({"pixels": np.empty((0, 48, 48, 3), np.float32)})
    assert answers.shape == (0, 15)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda arrays: arrays[:-1],
        lambda arrays: [*arrays, arrays[-1]],
        lambda arrays: [],
        lambda arrays: arrays[3:],
        lambda arrays: [arrays[0][..., :5], *arrays[1:]],
    ],
    ids=["one less", "one more", "none", "shifted", "other shape"],
)
@pytest.mark.parametrize("name", ["pnet", "onet"])
def test_other_arrays_are_refused(name, spoil):
    with pytest.raises(ModelError, match=name):
        build_net(name, spoil(make_arrays(name)))
