"""Brings a recognised file into the form in which it is run: ONNX, any batch, and for detectors any size.

Whatever is changed is tried out at once: the changed graph must give what the file itself gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from app.domain import FloatArray
from app.errors import InvalidInputError, ModelError
from app.vision.detectors import retinaface_mobile_graph
from app.vision.importing.graphs import free_sides, read_graph, signature
from app.vision.importing.kinds import Kind
from app.vision.importing.pickles import read_state_dict
from app.vision.importing.recognise import Recognised
from app.vision.runtime import OnnxSession, RuntimeOptions

_FREE_BATCH = 32
_SIDES = (96, 128)  # height and width of what a detector of any size is tried with
_OTHER_SIDES = (160, 64)
_ROUNDING = 1e-3  # of outputs of about 1; other batch sizes take other paths through the runtime


@dataclass(frozen=True)
class Converted:
    """A graph that is ready to be kept.

    Attributes:
        model: The graph.
        batch: Most pictures of one run.
        dimension: Length of an embedding; 0 for a detector.
    """

    model: bytes
    batch: int
    dimension: int


def convert(file: Recognised, kind: Kind, variant: str | None = None) -> Converted:
    """Makes the graph that is kept.

    Args:
        file: What was recognised.
        kind: One of its kinds.
        variant: One of its variants, where it has some.

    Raises:
        InvalidInputError: The file cannot be run, or is bound to one size of picture.
    """
    if file.format == "pth":
        network = retinaface_mobile_graph.VARIANTS[variant or file.variants[0]]
        built = retinaface_mobile_graph.build_onnx(read_state_dict(file.path), network)
        _check_finite(_run(built, [_noise((2, 3, *_SIDES))]))
        return Converted(built, _FREE_BATCH, 0)
    model = read_graph(file.path.read_bytes())
    return _detector(model) if kind.role == "detector" else _embedder(model)


def _embedder(model: onnx.ModelProto) -> Converted:
    found = signature(model)
    shape, output = next(iter(found.inputs.values())), next(iter(found.outputs.values()))
    data = _noise((2, *(side or 3 for side in shape[1:])))
    runs = _run_as_it_is(model, [data[:1], data[1:]])
    single = [run[0] for run in runs]
    dimension = output[-1] or single[0].shape[-1]
    freed = _bytes(free_sides(model, [0]))
    try:
        both = _run(freed, [data])[0][0]
    except ModelError:
        return Converted(_bytes(model), 1, dimension)
    if not _alike(both, np.concatenate(single)):
        return Converted(_bytes(model), 1, dimension)
    return Converted(freed, _FREE_BATCH, dimension)


def _detector(model: onnx.ModelProto) -> Converted:
    shape = next(iter(signature(model).inputs.values()))
    sides = (shape[2] or _SIDES[0], shape[3] or _SIDES[1])
    data = _noise((1, 3, *sides))
    before = _run_as_it_is(model, [data])
    freed = _bytes(free_sides(model, (0, 2, 3)))
    try:
        after, other = _run(freed, [data, _noise((1, 3, *_OTHER_SIDES))])
    except ModelError as error:
        raise InvalidInputError(
            "This detector is bound to one size of picture in a way that cannot be undone; take a file with free sides."
        ) from error
    shares = np.prod(_OTHER_SIDES) / np.prod(sides)
    grown = all(new.size == round(old.size * shares) for new, old in zip(other, after, strict=True))
    if not grown or not all(_alike(new, old) for new, old in zip(after, before[0], strict=True)):
        raise InvalidInputError("This detector gives other answers when the size of its pictures is freed.")
    return Converted(freed, _FREE_BATCH if _takes_batches(freed, data, after) else 1, 0)


def _takes_batches(model: bytes, data: FloatArray, single: list[FloatArray]) -> bool:
    """Whether two pictures at once give what each gives alone, one after the other in the outputs."""
    try:
        both = _run(model, [np.concatenate([np.zeros_like(data), data])])[0]
    except ModelError:
        return False
    return all(new.ndim == 3 and len(new) == 2 and _alike(new[1:], old) for new, old in zip(both, single, strict=True))


def _bytes(model: onnx.ModelProto) -> bytes:
    return bytes(model.SerializeToString())


def _noise(shape: tuple[int, ...]) -> FloatArray:
    return np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)


def _run(model: bytes, tensors: list[FloatArray]) -> list[list[FloatArray]]:
    """Outputs for each of some inputs."""
    session = OnnxSession(model, runtime=RuntimeOptions(providers=("cpu",)))
    name = session.input_names[0]
    return [session.run({name: tensor}) for tensor in tensors]


def _run_as_it_is(model: onnx.ModelProto, tensors: list[FloatArray]) -> list[list[FloatArray]]:
    try:
        runs = _run(_bytes(model), tensors)
    except ModelError as error:
        raise InvalidInputError("This network cannot be run here; its file is damaged, or too new.") from error
    _check_finite(runs)
    return runs


def _alike(first: FloatArray, second: FloatArray) -> bool:
    if first.shape != second.shape:
        return False
    return bool(np.abs(first - second).max(initial=0) <= _ROUNDING * max(1.0, float(np.abs(second).max(initial=0))))


def _check_finite(runs: list[list[FloatArray]]) -> None:
    if not all(np.isfinite(output).all() for run in runs for output in run):
        raise InvalidInputError("This network answers with numbers that are not finite; its file is damaged.")
