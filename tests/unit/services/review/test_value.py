from __future__ import annotations

import pytest

from app.services.review.value import TWO_NAMES, Facts, misplaced, value_of_people, value_of_track


@pytest.mark.parametrize(
    ("one", "other", "faces"),
    [
        pytest.param((100, None), (7, None), 7, id="the-smaller-of-two-without-a-name"),
        pytest.param((7, "Ada"), (100, None), 100, id="all-of-the-one-without-a-name"),
        pytest.param((100, None), (7, "Ada"), 100, id="in-either-order"),
        pytest.param((100, "Ada"), (7, "Ada"), 7, id="the-smaller-of-two-of-one-name"),
    ],
)
def test_which_faces_are_at_the_wrong_place(one: tuple, other: tuple, faces: int) -> None:
    assert misplaced(Facts(*one), Facts(*other)) == faces
    assert value_of_people(0.5, Facts(*one), Facts(*other)) == pytest.approx(0.5 * faces)


def test_two_names_are_most_likely_two_people() -> None:
    ada, bob = Facts(10, "Ada"), Facts(20, "Bob")
    assert value_of_people(0.8, ada, bob) == pytest.approx(0.8 * TWO_NAMES * 10)
    assert value_of_people(0.8, ada, Facts(20, "ADA")) == pytest.approx(8.0)


def test_a_track_is_worth_its_faces() -> None:
    assert value_of_track(0.25, 40) == pytest.approx(10.0)
