"""Reads the weights out of PyTorch's ``.pth`` files without PyTorch, and without running anything that a file asks for.

A ``.pth`` file is a pickle, and a pickle is a program: it names functions and has them called. This reader knows the few
names that a dictionary of tensors needs and refuses every other. Both containers are read: the archive that PyTorch
has written since version 1.6, and the four pickles in a row of the versions before (``torch/serialization.py``).
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from app.errors import InvalidInputError

MAX_BYTES = 64 * 1024**2  # the networks that are converted from this format hold less than two

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_LONGEST_NAME = 60
_HALF_FILE = "This .pth file is damaged or only half there; copy or fetch it again."
_DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}
_PYTHON_ERRORS = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    NotImplementedError,  # a compression that the archive reader does not know
    RuntimeError,  # an archive with a password
    RecursionError,
    MemoryError,
    OverflowError,
    struct.error,
    EOFError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    ValueError,
)


# Tuples: the opcode that changes an object's attributes has no hold on them.
class _Kind(NamedTuple):
    name: str


class _Storage(NamedTuple):
    kind: _Kind
    key: str
    size: int


class _Tensor(NamedTuple):
    """A view of a storage that is not read yet; counts, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Reads a dictionary of tensors.

    Args:
        path: A file that ``torch.save(model.state_dict(), path)`` has written, or ``torch.save({"state_dict": ...})``.

    Returns:
        Each tensor's name and values, in the file's order.

    Raises:
        InvalidInputError: The file is too large, damaged, or holds anything besides tensors.
    """
    if path.stat().st_size > MAX_BYTES:
        raise InvalidInputError(
            f"This .pth file is over {MAX_BYTES // 1024**2} MB, more than any that can be imported."
        )
    data = path.read_bytes()
    try:
        found, read = _open_archive(data) if zipfile.is_zipfile(io.BytesIO(data)) else _open_legacy(data)
        return {name: _view(tensor, read) for name, tensor in _tensors(found).items()}
    except _PYTHON_ERRORS as error:
        raise InvalidInputError(_HALF_FILE) from error


def _tensors(found: object) -> dict[str, _Tensor]:
    """The tensors of what was unpickled; some tools put them one level down."""
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not found:
        raise InvalidInputError("This .pth file holds no dictionary of weights.")
    if not all(isinstance(name, str) and isinstance(value, _Tensor) for name, value in found.items()):
        raise InvalidInputError("This .pth file holds more than weights, so it is not opened.")
    return dict(found)


def _view(tensor: _Tensor, read: Callable[[_Storage], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Takes a tensor out of its storage, after a check that it lies within."""
    values = read(tensor.storage)
    sides, steps = tensor.shape, tensor.strides
    if len(sides) != len(steps) or min((tensor.offset, *sides, *steps)) < 0:
        raise ValueError("a tensor's shape makes no sense")
    last = tensor.offset + sum((side - 1) * step for side, step in zip(sides, steps, strict=True))
    if 0 in sides:
        return np.empty(sides, values.dtype)
    # values that are repeated by a stride of 0 could fill the memory
    if last >= len(values) or np.prod(sides, dtype=np.float64) > len(values):
        raise ValueError("a tensor reaches beyond its storage")
    strides = tuple(step * values.itemsize for step in steps)
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], sides, strides).copy()


def _open_archive(data: bytes) -> tuple[object, Callable[[_Storage], npt.NDArray[Any]]]:
    """The archive: ``<name>/data.pkl`` and one member per storage, never compressed."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(names) != 1 or any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
        raise ValueError("not an archive of PyTorch")
    folder = names[0].removesuffix("/data.pkl")
    if f"{folder}/byteorder" in archive.namelist() and archive.read(f"{folder}/byteorder") != b"little":
        raise ValueError("written on a machine with another order of bytes")
    found = _Reader(io.BytesIO(archive.read(names[0]))).load()

    def read(storage: _Storage) -> npt.NDArray[Any]:
        return _values(archive.read(f"{folder}/data/{storage.key}"), storage)

    return found, read


def _open_legacy(data: bytes) -> tuple[object, Callable[[_Storage], npt.NDArray[Any]]]:
    """Pickles in a row: a magic number, the format's version, the machine, the object, its storages; then their bytes."""
    stream = io.BytesIO(data)
    magic, protocol, machine, found, keys = (_Reader(stream).load() for _ in range(5))
    if magic != _LEGACY_MAGIC or protocol != _LEGACY_PROTOCOL or not machine["little_endian"]:
        raise ValueError("not a file of PyTorch")
    sizes = {tensor.storage.key: tensor.storage for tensor in _tensors(found).values()}
    stored = {}
    for key in keys:
        (count,) = struct.unpack("<q", stream.read(8))
        if key not in sizes or count != sizes[key].size:
            raise ValueError("a storage has another size than its tensors say")
        stored[key] = _values(stream.read(count * _DTYPES[sizes[key].kind.name].itemsize), sizes[key])
    return found, lambda storage: stored[storage.key]


def _values(data: bytes, storage: _Storage) -> npt.NDArray[Any]:
    dtype = _DTYPES[storage.kind.name]
    if len(data) != storage.size * dtype.itemsize:
        raise ValueError("a storage is cut short")
    return np.frombuffer(data, dtype)


class _Callable:
    """What a name in a pickle stands for. Has no attributes, so that a pickle cannot change it."""

    __slots__ = ()


class _RebuildTensor(_Callable):
    __slots__ = ()

    def __call__(
        self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_rest: object
    ) -> _Tensor:
        numbers = (offset, *shape, *strides)
        if not isinstance(storage, _Storage) or not all(type(number) is int for number in numbers):
            raise TypeError("a tensor is described wrongly")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _RebuildParameter(_Callable):
    __slots__ = ()

    def __call__(self, data: _Tensor, *_rest: object) -> _Tensor:
        return data


class _Reader(pickle.Unpickler):
    """An unpickler that knows dictionaries and tensors and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Gives what a name stands for; refuses all names that a dictionary of tensors does not need."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _RebuildTensor()
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _RebuildParameter()
        if module == "torch" and name in _DTYPES:
            return _Kind(name)
        asked = f"{module}.{name}"[:_LONGEST_NAME]
        raise InvalidInputError(f"This .pth file asks to run {asked!r}, so it is not opened; it may be malicious.")

    def persistent_load(self, pid: Any) -> _Storage:
        """Gives the storage that ``("storage", type, key, device, size[, view])`` describes."""
        word, kind, key, _device, size, *view = pid
        if word != "storage" or not isinstance(kind, _Kind) or not isinstance(key, str) or type(size) is not int:
            raise pickle.UnpicklingError("an unknown kind of storage")
        if view and view[0] is not None:
            raise pickle.UnpicklingError("a view of a storage, which only very old files have")
        return _Storage(kind, key, size)
