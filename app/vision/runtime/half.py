"""Half precision: the graph in 16 bits, used only where its answers stay next to those of the original."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from app.errors import ModelError

# Largest cosine distance between an output and the same of the original graph.
TOLERANCE = 1e-3
# Vectors shorter than this have no direction to speak of.
_NOTHING = 1e-6


def to_half_precision(model: bytes | Path) -> bytes:
    """Converts a graph; its inputs and outputs keep their types.

    Args:
        model: The serialised ``ModelProto``, or the file that holds it.

    Returns:
        The serialised graph, half as large.

    Raises:
        ModelError: The graph has something that cannot be converted.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16  # noqa: PLC0415 - it changes sys.path

    # It stumbles over graphs in many ways.
    try:
        graph = onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model)
        converted: onnx.ModelProto = convert_float_to_float16(graph, keep_io_types=True)
        return bytes(converted.SerializeToString())
    except Exception as error:
        raise ModelError("A model cannot be converted to half precision.") from error


def worst_distance(original: Sequence[npt.NDArray[Any]], other: Sequence[npt.NDArray[Any]]) -> float:
    """Largest cosine distance between the outputs of two graphs.

    Args:
        original: Outputs of one run; the first axis of each is that of the batch.
        other: The same of the other graph on the same input.

    Returns:
        0..2 over all outputs and all members of the batch; infinite where there is a number that is none.
    """
    return max(
        (
            float(_cosine_distances(_as_rows(left), _as_rows(right)).max(initial=0.0))
            for left, right in zip(original, other, strict=True)
        ),
        default=0.0,
    )


def _as_rows(output: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    array = np.asarray(output, np.float64)
    return array.reshape(len(array), math.prod(array.shape[1:])) if array.ndim > 1 else array.reshape(1, -1)


def _cosine_distances(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    lengths = np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        distances: npt.NDArray[np.float64] = 1.0 - (left * right).sum(1) / (lengths[0] * lengths[1])
    distances[(lengths[0] < _NOTHING) & (lengths[1] < _NOTHING)] = 0.0
    return np.nan_to_num(distances, nan=np.inf)
