"""Rewrites networks into forms that compute the same and run quicker.

Each step leaves a graph alone in which it does not find what it looks for. Whoever rewrites a graph compares the answers
of both (:func:`same_answers`), for graphs of others may hold what nobody thought of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.errors import ModelError
from app.vision.runtime import OnnxSession, RuntimeOptions

# Rounding of another order of operations, measured against the largest number of an output: 2e-6 with the real layers.
_TOLERANCE = 1e-4


def read_graph(data: bytes, name: str, outputs: int) -> onnx.ModelProto:
    """Reads a graph.

    Args:
        data: The serialised ``ModelProto``.
        name: The file's name, for the message.
        outputs: How many outputs it must have.

    Raises:
        ModelError: It is no graph, or not one with one input and so many outputs.
    """
    try:
        model = onnx.load_from_string(data)
    except Exception as error:  # protobuf's DecodeError shares no public base class with what else can go wrong
        raise ModelError(f"{name} is damaged; delete it and fetch it again.") from error
    if len(inputs_of(model)) != 1 or len(model.graph.output) != outputs:
        raise ModelError(f"{name} is the file of another model; delete it and fetch the right one.")
    return model


def inputs_of(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs that are no weights; old exporters list both."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def take_bytes(model: onnx.ModelProto) -> None:
    """Lets the only input be ``uint8`` instead of ``float32``: a quarter of the memory to fill and to copy."""
    value = inputs_of(model)[0]
    if value.type.tensor_type.elem_type != TensorProto.FLOAT:
        return
    value.type.tensor_type.elem_type = TensorProto.UINT8
    readers = [node for node in model.graph.node if value.name in node.input]
    converted = f"{value.name}/float"
    for node in readers:
        node.input[:] = [converted if name == value.name else name for name in node.input]
    cast = helper.make_node("Cast", [value.name], [converted], name=converted, to=TensorProto.FLOAT)
    model.graph.node.insert(0, cast)


def join_padding(model: onnx.ModelProto) -> None:
    """Lets a pool after a ReLU pad for itself where the graph pads with zeros first.

    A pool pads with minus infinity, which no ReLU is below of, so the largest numbers stay what they are.
    """
    makers = _makers(model)
    constants = _constants(model)
    for pool in [node for node in model.graph.node if node.op_type == "MaxPool"]:
        pad = makers.get(pool.input[0])
        if pad is None or pad.op_type != "Pad" or len(_readers(model, pad.output[0])) != 1:
            continue
        before = makers.get(pad.input[0])
        amounts = _pad_amounts(model, pad, constants)
        if before is None or before.op_type != "Relu" or amounts is None or any(_ints(pool, "pads")):
            continue
        if amounts[:2] != [0, 0] or amounts[4:6] != [0, 0] or min(amounts) < 0:
            continue
        pool.input[0] = pad.input[0]
        kept = [attribute for attribute in pool.attribute if attribute.name not in ("pads", "auto_pad")]
        del pool.attribute[:]
        pool.attribute.extend([*kept, helper.make_attribute("pads", [*amounts[2:4], *amounts[6:8]])])
        model.graph.node.remove(pad)


def split_prelu(model: onnx.ModelProto) -> None:
    """Writes PReLU as ``a x + (1 - a) ReLU(x)``.

    ONNX Runtime's quick layout on processors (NCHWc) has no PReLU and leaves it for each one. It has ReLU and
    convolutions, of which those of 1x1 in as many groups as channels multiply each channel by its own number.
    """
    constants = _constants(model)
    for node in [node for node in model.graph.node if node.op_type == "PRelu"]:
        slope = constants.get(node.input[1])
        if slope is None or not _per_channel(slope):
            continue
        source, result, channels = node.input[0], node.output[0], slope.size
        parts = [helper.make_node("Relu", [source], [f"{result}/relu"])]
        for name, of, factors in (("above", f"{result}/relu", 1.0 - slope), ("all", source, slope)):
            weights = numpy_helper.from_array(
                np.ascontiguousarray(factors.reshape(channels, 1, 1, 1), np.float32), f"{result}/{name}/weights"
            )
            model.graph.initializer.append(weights)
            parts.append(
                helper.make_node("Conv", [of, weights.name], [f"{result}/{name}"], group=channels, kernel_shape=[1, 1])
            )
        parts.append(helper.make_node("Add", [f"{result}/all", f"{result}/above"], [result]))
        place = list(model.graph.node).index(node)
        model.graph.node.remove(node)
        for offset, part in enumerate(parts):
            part.name = part.output[0]
            model.graph.node.insert(place + offset, part)


def same_answers(first: bytes, second: bytes, example: npt.NDArray[Any]) -> bool:
    """Whether two graphs answer alike, up to rounding.

    Args:
        first: A graph.
        second: Another one.
        example: What the only input of both is given.

    Returns:
        ``False`` also where the second cannot be loaded or fails.

    Raises:
        ModelError: The first cannot be loaded or fails.
    """
    expected = _answer(first, example)
    try:
        answers = _answer(second, example)
    except ModelError:
        return False
    return len(expected) == len(answers) and all(
        one.shape == two.shape and bool(np.abs(one - two).max(initial=0) <= _TOLERANCE * np.abs(one).max(initial=1e-3))
        for one, two in zip(expected, answers, strict=True)
    )


def _answer(model: bytes, example: npt.NDArray[Any]) -> list[npt.NDArray[np.float32]]:
    session = OnnxSession(model, runtime=RuntimeOptions(providers=("cpu",)), blocked_layout=True)
    return session.run({session.input_names[0]: example})


def _makers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def _readers(model: onnx.ModelProto, name: str) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if name in node.input]


def _constants(model: onnx.ModelProto) -> dict[str, npt.NDArray[Any]]:
    """Small constants and slopes by name; copies of weights through ``Identity`` are followed."""
    found = {t.name: t for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                found[node.output[0]] = attribute.t
        elif node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return dict(_arrays(found))


def _arrays(tensors: dict[str, TensorProto]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for name, tensor in tensors.items():
        if np.prod(tensor.dims, dtype=np.int64) <= 4096:
            yield name, numpy_helper.to_array(tensor)


def _pad_amounts(
    model: onnx.ModelProto, pad: onnx.NodeProto, constants: dict[str, npt.NDArray[Any]]
) -> list[int] | None:
    """How much a node pads; ``None`` where it cannot be told or where it does not pad with zeros."""
    mode = next((a.s for a in pad.attribute if a.name == "mode"), b"constant")
    value = constants.get(pad.input[2]) if len(pad.input) > 2 and pad.input[2] else np.zeros(1)
    amounts = _evaluate(model, pad.input[1]) if len(pad.input) > 1 else None
    if mode != b"constant" or value is None or value.any() or amounts is None or amounts.size != 8:
        return None
    return [int(amount) for amount in amounts.ravel()]


def _evaluate(model: onnx.ModelProto, name: str) -> npt.NDArray[Any] | None:
    """The value of a tensor that depends on no input; ``None`` of one that does."""
    makers, weights = _makers(model), {tensor.name: tensor for tensor in model.graph.initializer}
    if name in weights:
        return numpy_helper.to_array(weights[name])
    needed, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one in needed or not one:
            continue
        needed.add(one)
        if one in makers:
            waiting += makers[one].input
        elif one not in weights:
            return None
    result = helper.make_tensor_value_info(name, TensorProto.INT64, None)
    graph = helper.make_graph(
        [node for node in model.graph.node if needed & set(node.output)],
        "constant",
        [],
        [result],
        [weights[one] for one in needed if one in weights],
    )
    part = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    session = OnnxSession(part.SerializeToString(), runtime=RuntimeOptions(providers=("cpu",)), threads=1)
    return session.run({})[0]


def _ints(node: onnx.NodeProto, name: str) -> list[int]:
    return next((list(a.ints) for a in node.attribute if a.name == name), [])


def _per_channel(slope: npt.NDArray[Any]) -> bool:
    """Whether there is one number for each of several channels; a single one stands for any number of them."""
    return slope.ndim in (3, 4) and slope.shape[-2:] == (1, 1) and slope.size == slope.shape[-3] > 1
