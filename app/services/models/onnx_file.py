"""Tells a whole ONNX file from one that was cut off, or from a web page under its name, without loading it."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_GRAPH = 7  # field of ModelProto, onnx.proto
_MAX_FIELD = 30
_MAX_VARINT_BYTES = 10


def is_whole_onnx(path: Path) -> bool:
    """Whether a file is one whole ``ModelProto`` with a graph in it.

    A model is a sequence of fields, each with its length before it; they must end exactly where the file ends.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read.
    """
    size, has_graph = path.stat().st_size, False
    with path.open("rb") as file:
        try:
            while file.tell() < size:
                has_graph |= _skip_field(file) == _GRAPH
        except ValueError:
            return False
        return has_graph and file.tell() == size


def _skip_field(file: BinaryIO) -> int:
    """Goes behind the next field; returns its number."""
    tag = _read_varint(file)
    number, kind = tag >> 3, tag & 7
    if not 1 <= number <= _MAX_FIELD:
        raise ValueError("no field of a model")
    if kind == _VARINT:
        _read_varint(file)
    elif kind in (_FIXED64, _FIXED32):
        file.seek(8 if kind == _FIXED64 else 4, 1)
    elif kind == _BYTES:
        file.seek(_read_varint(file), 1)
    else:
        raise ValueError("no kind of field")
    return number


def _read_varint(file: BinaryIO) -> int:
    value = 0
    for place in range(_MAX_VARINT_BYTES):
        byte = file.read(1)
        if not byte:
            raise ValueError("cut off")
        value |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:
            return value
    raise ValueError("no number")
