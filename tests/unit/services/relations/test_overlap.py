"""Time on screen together, against counting it out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.relations.overlap import shared_seconds, stretches
from app.storage.views.relations import Spans

Row = tuple[int, int, int, int]  # video, person, start, length, in whole seconds


def spans(rows: list[Row]) -> Spans:
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    starts = columns[2].astype(np.float64)
    return Spans(columns[0], columns[1], starts, starts + columns[3])


def counted(rows: list[Row], one: int, other: int) -> int:
    """Seconds of each, told apart one by one."""

    def of(person: int) -> set[tuple[int, int]]:
        return {(v, start + n) for v, who, start, length in rows if who == person for n in range(length)}

    return len(of(one) & of(other))


ROWS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(0, 12), st.integers(0, 6)), max_size=14)


@given(ROWS)
def test_seconds_are_those_that_can_be_counted(rows: list[Row]) -> None:
    found = stretches(spans(rows))
    people = found.people.tolist()
    for place, person in enumerate(people):
        expected = [counted(rows, person, other) for other in people]
        assert shared_seconds(found, place) == pytest.approx(expected)


def test_tracks_that_touch_are_one_stretch() -> None:
    found = stretches(spans([(1, 7, 0, 2), (1, 7, 2, 3), (1, 7, 9, 1), (2, 7, 0, 1), (1, 8, 1, 1)]))
    assert found.people.tolist() == [7, 8]
    assert (found.ends - found.starts).tolist() == [5.0, 1.0, 1.0, 1.0]
    assert found.videos.toarray().tolist() == [[1, 1], [1, 0]]


def test_nobody() -> None:
    found = stretches(spans([]))
    assert (len(found.people), len(found.starts), found.videos.shape) == (0, 0, (0, 0))
