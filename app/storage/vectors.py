"""Vectors as bytes: ``float32``, little-endian, whatever the machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.domain import FloatArray

STORED = np.dtype("<f4")


def encode(values: npt.ArrayLike) -> bytes:
    """Packs numbers of any shape, row by row, four bytes each.

    Raises:
        ValueError: A value is not finite; such a vector would poison every comparison.
    """
    array = np.ascontiguousarray(values, dtype=STORED)
    if not np.isfinite(array).all():
        raise ValueError("a vector holds values that are not finite")
    return array.tobytes()


def decode(data: bytes) -> FloatArray:
    """Unpacks one vector.

    Returns:
        ``float32`` (n,), writable.

    Raises:
        ValueError: The length is no multiple of four bytes.
    """
    return np.frombuffer(data, dtype=STORED).astype(np.float32)


def decode_landmarks(data: bytes) -> FloatArray:
    """Unpacks the five points of a face.

    Returns:
        ``float32`` (5, 2), x and y in source-frame pixels.
    """
    return decode(data).reshape(5, 2)


def decode_many(rows: Sequence[bytes], dimension: int) -> FloatArray:
    """Unpacks many vectors of one length into a matrix, without a loop over numbers.

    Args:
        rows: Encoded vectors.
        dimension: Length of every vector.

    Returns:
        ``float32`` (n, dimension), C-contiguous, writable; (0, dimension) for no rows.

    Raises:
        ValueError: A row has another length.
    """
    size = dimension * STORED.itemsize
    if any(len(row) != size for row in rows):
        raise ValueError(f"a vector does not have {dimension} numbers")
    return np.frombuffer(b"".join(rows), dtype=STORED).astype(np.float32).reshape(len(rows), dimension)
