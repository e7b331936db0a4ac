"""Small networks that stand for large weights, and where a machine without a home of its own keeps them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from app.services.models.sources import Weight
from app.vision import ModelFiles
from tests.website import RangedPage, Website


def small_network(seed: int = 0, values: int = 150_000) -> bytes:
    """A sound ONNX file of about four bytes per value, different for each seed."""
    numbers = np.random.default_rng(seed).random(values, np.float32)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [values])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [values])],
        [numpy_helper.from_array(numbers, "w")],
    )
    return helper.make_model(graph).SerializeToString()


def files_in(folder: Path) -> ModelFiles:
    """Our models and DeepFace's folder below one folder."""
    return ModelFiles.within(folder / "models", folder / "home")


def offer(site: Website, name: str, body: bytes, **settings: object) -> tuple[Weight, RangedPage]:
    """Puts a file of weights on a site; the second address is on it too, and there is nothing yet."""
    page = site.pages[f"/first/{name}"] = RangedPage(body, **settings)  # type: ignore[arg-type]
    return Weight(name, (site.url(f"/first/{name}"), site.url(f"/second/{name}"))), page


def put(files: ModelFiles, name: str, body: bytes) -> Path:
    """A file in DeepFace's folder."""
    files.deepface.mkdir(parents=True, exist_ok=True)
    path = files.deepface / name
    path.write_bytes(body)
    return path
