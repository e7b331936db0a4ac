from __future__ import annotations

import numpy as np
import pytest

from app.storage import vectors


def test_what_was_packed_comes_back_exactly_as_little_endian_floats() -> None:
    values = np.array([1.0, -0.5, 3.25e-7], dtype=np.float32)
    data = vectors.encode(values)
    assert data[:4] == b"\x00\x00\x80\x3f"  # 1.0, lowest byte first
    np.testing.assert_array_equal(vectors.decode(data), values)
    assert vectors.decode(data).flags.writeable


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8", "f2"])
def test_any_kind_of_float_is_stored_the_same(dtype: str) -> None:
    values = np.array([0.5, -2.0], dtype=dtype)
    assert vectors.encode(values) == np.array([0.5, -2.0], "<f4").tobytes()


def test_a_view_with_strides_is_stored_row_by_row() -> None:
    grid = np.arange(20, dtype=np.float32).reshape(5, 4)
    np.testing.assert_array_equal(vectors.decode(vectors.encode(grid[:, ::2])), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18])


def test_landmarks_come_back_as_five_points() -> None:
    points = np.arange(10, dtype=np.float32).reshape(5, 2)
    np.testing.assert_array_equal(vectors.decode_landmarks(vectors.encode(points)), points)


def test_many_rows_become_one_matrix() -> None:
    matrix = np.random.default_rng(1).normal(size=(300, 128)).astype(np.float32)
    back = vectors.decode_many([vectors.encode(row) for row in matrix], 128)
    np.testing.assert_array_equal(back, matrix)
    assert back.dtype == np.float32 and back.flags.c_contiguous and back.flags.writeable


def test_no_rows_become_an_empty_matrix_of_the_right_width() -> None:
    assert vectors.decode_many([], 128).shape == (0, 128)


@pytest.mark.parametrize("lengths", [(128, 127), (127, 129), (0,)], ids=["one short", "sum is right", "empty"])
def test_a_row_of_another_length_is_refused(lengths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="128"):
        vectors.decode_many([vectors.encode(np.zeros(length)) for length in lengths], 128)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_would_poison_comparisons_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        vectors.encode([0.0, value])
