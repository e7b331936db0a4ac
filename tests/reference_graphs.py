"""The reference pack's two graphs with random weights, made by the packages that own the real ones.

The weights of DeepFace's ``retinaface.onnx`` and ``arcface_weights.onnx`` cannot be fetched in a test. Their classes can
be built without any: same layers, same inputs and outputs, other numbers. Batch normalisation is fitted to noise, so
that signals neither die nor explode on their way, and the heads are scaled so that some anchors pass 0.9.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

# Both packages choose their engine at import; TensorFlow, where installed, would come first.
ENGINE_VARIABLE = "DEEPFACE_BACKEND_ENGINE"

_SEED = 7
_REVISION = "4"  # to be raised when the graphs made here change


def retinaface_onnx(path: Path, *, small: bool = False) -> Path:
    """Writes a graph like DeepFace's ``retinaface.onnx``: ``float32`` (n, h, w, 3) RGB 0..255 to nine maps.

    Args:
        path: The file; kept when it is there.
        small: One unit instead of three to six in each stage of the backbone, for half the time.
    """
    return _once(path, lambda: _write_retinaface(path, small))


def arcface_onnx(path: Path) -> Path:
    """Writes a graph like DeepFace's ``arcface_weights.onnx``: ``float32`` (n, 112, 112, 3) to (n, 512).

    Args:
        path: The file; kept when it is there.
    """
    return _once(path, lambda: _write_arcface(path))


def deepface_store(home: Path, *, small: bool = False) -> Path:
    """Writes both graphs where DeepFace looks for them.

    Args:
        home: What ``DEEPFACE_HOME`` is to name.
        small: See :func:`retinaface_onnx`.

    Returns:
        ``home``.
    """
    folder = home / ".deepface" / "weights"
    retinaface_onnx(folder / "retinaface.onnx", small=small)
    arcface_onnx(folder / "arcface_weights.onnx")
    return home


@pytest.fixture(scope="session")
def reference_home(models_cache: Path) -> Path:
    """A ``DEEPFACE_HOME`` with both random graphs, the whole ones; kept between runs, made once for all workers."""
    pytest.importorskip("torch", reason="PyTorch is not installed; it builds the graphs of the reference pack")
    pytest.importorskip("retinaface.model", reason="retina-face is not installed")
    names = "-".join(version(name) for name in ("torch", "retina-face", "deepface"))
    return deepface_store(models_cache.parent / f"reference-{_REVISION}-{names}")


def torch_arcface() -> Any:
    """DeepFace's own PyTorch model with the weights of :func:`arcface_onnx`; takes (n, 3, 112, 112)."""
    import torch

    with _onnx_engine():
        from deepface.models.facial_recognition.pytorch.ArcFace import base_model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        model = base_model()
        _fit(model, torch.rand(8, 3, 112, 112) * 2 - 1)
    return model


def torch_retinaface(*, small: bool = False) -> Any:
    """retina-face's own PyTorch model with the weights of :func:`retinaface_onnx`; takes (n, h, w, 3)."""
    import torch
    from skimage import data

    with _onnx_engine():
        from retinaface.model.retinaface_pth_model import RetinaFace
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        model = RetinaFace()
        if small:
            for stage in (model.stage1, model.stage2, model.stage3, model.stage4):
                for name in list(stage)[1:]:
                    del stage[name]
        # What it is fitted to must resemble what it will see, or signals explode: whole, small in black, pale.
        whole = torch.from_numpy(data.astronaut()[::2, ::2].copy()).float()
        small = torch.zeros_like(whole)
        small[64:192, 64:192] = whole[::2, ::2]
        for head in (model.face_rpn_stride8, model.face_rpn_stride16, model.face_rpn_stride32):
            torch.nn.init.normal_(head.cls_score.weight, std=0.1)
            torch.nn.init.normal_(head.bbox_pred.weight, std=0.01)
            torch.nn.init.normal_(head.landmark_pred.weight, std=0.01)
            with torch.no_grad():
                head.cls_score.bias.copy_(torch.tensor([3.0, 3.0, -3.0, -3.0]))
        _fit(model, torch.stack([whole, small, whole.flip(0) * 0.3 + 120]))
    return model


def _write_retinaface(path: Path, small: bool) -> None:
    import torch

    axes = {0: "batch", 1: "height", 2: "width"}
    outputs = [f"{kind}_stride{stride}" for stride in (32, 16, 8) for kind in ("prob", "box", "landmark")]
    _export(torch_retinaface(small=small), torch.zeros(1, 96, 128, 3), path, outputs, axes)


def _write_arcface(path: Path) -> None:
    import torch

    class ChannelsLast(torch.nn.Module):
        """The ONNX graphs of DeepFace take channels last, as its TensorFlow models do."""

        def __init__(self) -> None:
            super().__init__()
            self.model = torch_arcface()

        def forward(self, x: Any) -> Any:
            return self.model(x.permute(0, 3, 1, 2))

    _export(ChannelsLast().eval(), torch.zeros(1, 112, 112, 3), path, ["embedding"], {0: "batch"})


def _export(model: Any, example: Any, path: Path, outputs: list[str], axes: dict[int, str]) -> None:
    import torch

    temporary = path.with_suffix(".part")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that can trace these models is called deprecated
        torch.onnx.export(
            model,
            (example,),
            str(temporary),
            dynamo=False,
            input_names=["input"],
            output_names=outputs,
            dynamic_axes={"input": axes, **dict.fromkeys(outputs, axes)},
            opset_version=17,
        )
    temporary.replace(path)


def _fit(model: Any, example: Any) -> None:
    """Gives batch normalisation random factors and the statistics of an example."""
    import torch

    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d)]
    for norm in norms:
        torch.nn.init.uniform_(norm.weight, 0.7, 1.3)
        torch.nn.init.normal_(norm.bias, std=0.2)
        norm.momentum = None
    for slopes in (m.weight for m in model.modules() if isinstance(m, torch.nn.PReLU)):
        torch.nn.init.uniform_(slopes, -0.1, 0.5)
    model.train()
    with torch.no_grad():
        model(example)
    model.eval()


@contextlib.contextmanager
def _onnx_engine() -> Iterator[None]:
    before = os.environ.get(ENGINE_VARIABLE)
    os.environ[ENGINE_VARIABLE] = "onnx"
    try:
        yield
    finally:
        if before is None:
            del os.environ[ENGINE_VARIABLE]
        else:
            os.environ[ENGINE_VARIABLE] = before


def _once(path: Path, write: Callable[[], None]) -> Path:
    """Writes a file unless it is there; workers that want it at the same time wait for the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():
            write()
    return path
