"""MTCNN's three nets as ONNX graphs, rebuilt from the weights inside the ``mtcnn`` package (MIT licence).

The package is found but never imported, for importing it pulls in TensorFlow. Its ``.lz4`` files are joblib pickles of
lists of arrays; they are read by an unpickler that knows three harmless names and runs nothing.

Architecture: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import math
import pickle
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np

from app.domain import FloatArray
from app.errors import ModelError
from app.vision.detectors.mtcnn_graph import NetName, build_net
from app.vision.weights_cache import load_or_build

# Raise when the graphs that mtcnn_graph makes change.
_GRAPH_VERSION = "4"


def load_net(cache_dir: Path, name: NetName, *, step: int = 2) -> bytes:
    """Gives one net as a serialised ONNX model, from the cache or rebuilt.

    Args:
        cache_dir: Folder of the cache.
        name: ``pnet``, ``rnet`` or ``onet``.
        step: See :func:`app.vision.detectors.mtcnn_graph.build_net`.

    Returns:
        The model; inputs and outputs as :func:`app.vision.detectors.mtcnn_graph.build_net` describes them.

    Raises:
        ModelError: The ``mtcnn`` package is missing, or its files are not what this program knows.
    """
    source = _weights_file(name).read_bytes()
    # The source's checksum is part of the version: another release of the package means another model.
    version = f"{_GRAPH_VERSION}-{hashlib.sha256(source).hexdigest()[:12]}"
    kind = f"mtcnn-{name}" if step == 2 else f"mtcnn-{name}-step-{step}"
    return load_or_build(cache_dir, kind, version, lambda: build_net(name, read_weights(source), step=step))


def _weights_file(name: NetName) -> Path:
    spec = importlib.util.find_spec("mtcnn")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / "assets" / "weights" / f"{name}.lz4"
        if path.is_file():
            return path
    raise ModelError("The mtcnn package, which holds the face detector's weights, is not installed.")


def read_weights(data: bytes) -> list[FloatArray]:
    """Reads a list of arrays that joblib wrote with lz4 compression.

    Args:
        data: The content of the ``.lz4`` file.

    Returns:
        ``float32`` arrays in C order, in the file's (Keras's) order: kernel, bias, slopes of each layer.

    Raises:
        ModelError: The data is damaged or holds anything but a list of such arrays.
    """
    try:
        stubs = _WeightsUnpickler(io.BytesIO(lz4.frame.decompress(data))).load()
        if not isinstance(stubs, list) or not all(isinstance(stub, _ArrayStub) for stub in stubs):
            raise pickle.UnpicklingError("not a list of arrays")
        return [stub.array for stub in stubs]
    except (
        RuntimeError,
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
    ) as error:
        raise ModelError("The weights in the mtcnn package cannot be read; install the package again.") from error


class _NdarrayMarker:
    """Stands for ``numpy.ndarray`` where the pickle names it; no array is ever made by the pickle itself."""


class _DtypeStub:
    """Stands for ``numpy.dtype``; remembers what was asked for and makes nothing."""

    def __init__(self, code: str, *_flags: object) -> None:
        self.code = code
        self.byte_order = ""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.byte_order = state[1]

    @property
    def is_float32(self) -> bool:
        return (self.code, self.byte_order) == ("f4", "<")


class _ArrayStub:
    """Stands for joblib's array wrapper; reads the raw data that follows its BUILD opcode in the stream."""

    stream: io.BytesIO
    array: FloatArray

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["order"] != "C" or not state["dtype"].is_float32:
            raise pickle.UnpicklingError("not a little-endian float32 array in C order")
        shape = tuple(int(side) for side in state["shape"])
        # One byte tells how many bytes of padding follow, so that the data is aligned for memory mapping.
        self.stream.read(self.stream.read(1)[0])
        size = math.prod(shape) * 4
        raw = self.stream.read(size)
        if len(raw) != size:
            raise pickle.UnpicklingError("cut off")
        self.array = np.frombuffer(raw, "<f4").reshape(shape)


class _WeightsUnpickler(pickle.Unpickler):
    """Knows three names, none of which runs anything, and refuses all others.

    The stream is a ``BytesIO``, which has no ``peek``: the unpickler therefore never reads ahead, and the stream stands
    right behind the BUILD opcode when :meth:`_ArrayStub.__setstate__` is called.
    """

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self._known: dict[tuple[str, str], type] = {
            ("joblib.numpy_pickle", "NumpyArrayWrapper"): type("_BoundArrayStub", (_ArrayStub,), {"stream": stream}),
            ("numpy", "ndarray"): _NdarrayMarker,
            ("numpy", "dtype"): _DtypeStub,
        }

    def find_class(self, module_name: str, global_name: str, /) -> type:
        try:
            return self._known[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} is not allowed") from None
