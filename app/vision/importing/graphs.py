"""Reads ONNX files of unknown origin: what goes in, what comes out; and frees the sides that an export has fixed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from app.errors import InvalidInputError

_STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})

NOT_WHOLE = "This file is damaged, only half there, or no ONNX file; copy or fetch it again."

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """What a graph takes and gives; a side of a shape is ``None`` where it is free.

    Attributes:
        inputs: Names and shapes, weights aside.
        outputs: Names and shapes.
        first_operators: The first eight operators of the graph, for normalisation that is built in.
    """

    inputs: dict[str, Shape]
    outputs: dict[str, Shape]
    first_operators: tuple[str, ...]

    @property
    def normalises(self) -> bool:
        """Whether the graph begins with its own subtraction and scaling, so that it takes plain pixels.

        The networks that were trained with MXNet do; InsightFace tells them by the same sign.
        """
        begin = set(self.first_operators)
        return bool(begin & {"Sub"}) and bool(begin & {"Mul", "Div"})


def read_graph(data: bytes) -> onnx.ModelProto:
    """Parses an ONNX file.

    Args:
        data: The file.

    Raises:
        InvalidInputError: It is damaged, no ONNX file, or keeps its weights in other files.
    """
    try:
        # Not ONNX's own checker: it refuses details of old exports that the runtime takes.
        model = onnx.load_model_from_string(data)
    except Exception as error:  # the parser's exceptions come from a library under ONNX
        raise InvalidInputError(NOT_WHOLE) from error
    if not model.graph.node or not model.graph.output:
        raise InvalidInputError(NOT_WHOLE)
    if any(part.data_location == onnx.TensorProto.EXTERNAL for part in model.graph.initializer):
        raise InvalidInputError("This ONNX file keeps its weights in a second file; only single files can be imported.")
    if any(node.domain not in _STANDARD_DOMAINS for node in model.graph.node):
        raise InvalidInputError("This ONNX file needs operators of its own, so it cannot be run.")
    return model


def signature(model: onnx.ModelProto) -> Signature:
    """Tells what a graph takes and gives."""
    graph = model.graph
    weights = {part.name for part in graph.initializer}
    return Signature(
        {value.name: _shape(value) for value in graph.input if value.name not in weights},
        {value.name: _shape(value) for value in graph.output},
        tuple(node.op_type for node in graph.node[:8]),
    )


def _shape(value: onnx.ValueInfoProto) -> Shape:
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") and side.dim_value > 0 else None for side in sides)


def free_sides(model: onnx.ModelProto, sides: Sequence[int]) -> onnx.ModelProto:
    """Lets a graph take any batch, and pictures of any size where asked.

    Exports for one picture carry that one in reshapes too: [1, -1, 4] becomes "as many as come in, -1, 4". Up-scaling
    to a fixed size becomes up-scaling by two, the step of a feature pyramid. Whether the outputs are still right has to
    be tried out; a graph may do more than that.

    Args:
        model: The graph; stays as it is.
        sides: Which axes of its input are freed: 0 is the batch.

    Returns:
        The changed graph.
    """
    freed = onnx.ModelProto()
    freed.CopyFrom(model)
    graph = freed.graph
    del graph.value_info[:]  # shapes within, which no longer hold
    weights = {part.name for part in graph.initializer}
    for value in graph.input:
        if value.name not in weights:
            _free(value, sides)
    for value in graph.output:
        # of an output nothing but the batch is known to stay the first axis, and only the last one stays fixed
        _free(value, [0] if list(sides) == [0] else range(len(value.type.tensor_type.shape.dim) - 1))
    for number, node in enumerate(graph.node):
        if node.op_type == "Reshape":
            _free_reshape(freed, node, number)
        elif node.op_type in ("Resize", "Upsample") and len(sides) > 1:
            _free_resize(freed, node, number)
    return freed


def _free(value: onnx.ValueInfoProto, axes: Sequence[int]) -> None:
    dimensions = value.type.tensor_type.shape.dim
    for axis in axes:
        if axis < len(dimensions):
            dimensions[axis].dim_param = f"{value.name}_{axis}"


def _constants(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    for part in model.graph.initializer:
        yield part.name, part
    for node in model.graph.node:
        if node.op_type == "Constant":
            yield from ((node.output[0], item.t) for item in node.attribute if item.name == "value")


def _values(model: onnx.ModelProto, name: str) -> list[float] | None:
    for known, part in _constants(model):
        if known == name:
            values: list[float] = numpy_helper.to_array(part).reshape(-1).tolist()
            return values
    return None


def _free_reshape(model: onnx.ModelProto, node: onnx.NodeProto, number: int) -> None:
    target = _values(model, node.input[1]) if len(node.input) > 1 else None
    if target is None or len(target) < 2 or target[0] != 1:
        return
    name = f"freed_shape_{number}"
    values = np.array([0, *target[1:]], np.int64)  # 0 is "as many as the input has"
    model.graph.initializer.append(numpy_helper.from_array(values, name))
    node.input[1] = name


def _free_resize(model: onnx.ModelProto, node: onnx.NodeProto, number: int) -> None:
    if len(node.input) < 4 or not node.input[3] or _values(model, node.input[3]) is None:
        return
    name = f"freed_scales_{number}"
    model.graph.initializer.append(helper.make_tensor(name, onnx.TensorProto.FLOAT, [4], [1.0, 1.0, 2.0, 2.0]))
    kept = list(node.input[:2])
    del node.input[:]
    node.input.extend([*kept, name])
