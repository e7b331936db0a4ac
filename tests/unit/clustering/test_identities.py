"""People keep ids and names through a new grouping."""

from __future__ import annotations

import numpy as np
import pytest

from app.clustering import keep_named_apart, match_people
from tests.unit.clustering.people import unit

# (new labels, persons before, named people, expected person of each cluster)
CASES = {
    "first run": ([0, 0, 1], [-1, -1, -1], (), {0: None, 1: None}),
    "nothing changed": ([0, 0, 1], [8, 8, 3], (), {0: 8, 1: 3}),
    "numbers of clusters mean nothing": ([1, 1, 0], [8, 8, 3], (), {0: 3, 1: 8}),
    "a new node joins": ([0, 0, 0, 1], [8, 8, -1, -1], (), {0: 8, 1: None}),
    "a split leaves the id with the larger part": ([0, 1, 1, 1], [5, 5, 5, 5], (), {0: None, 1: 5}),
    "a merge keeps the larger person": ([0, 0, 0, 0, 0], [2, 2, 9, 9, 9], (), {0: 9}),
    "a merge of equals keeps the older person": ([0, 0, 0, 0], [9, 9, 2, 2], (), {0: 2}),
    "a merge keeps the named person": ([0, 0, 0, 0], [4, 9, 9, 9], (4,), {0: 4}),
    "a name goes with the larger part": ([0, 0, 1, 1, 1], [4, 4, 4, 7, 7], (4,), {0: 4, 1: 7}),
    "a name does not rob where it has a better home": ([0, 1, 1, 1], [4, 4, 4, 7], (4,), {0: None, 1: 4}),
    "the sum of overlaps counts": ([0] * 5 + [1] * 3, [1, 1, 1, 2, 2, 1, 1, 1], (), {0: 2, 1: 1}),
    "noise has no person": ([-1, 0], [5, 5], (), {0: 5}),
    "only noise": ([-1], [5], (), {}),
}


@pytest.mark.parametrize(("labels", "before", "named", "expected"), CASES.values(), ids=CASES.keys())
def test_match_people(labels: list[int], before: list[int], named: tuple[int, ...], expected: dict) -> None:
    assert match_people(np.array(labels), np.array(before), named=named) == expected


def test_weights_decide_what_is_larger() -> None:
    labels, before = np.array([0, 0, 0]), np.array([2, 2, 9])
    assert match_people(labels, before) == {0: 2}
    assert match_people(labels, before, weights=np.array([1, 1, 5], np.float32)) == {0: 9}


def test_no_id_is_given_twice_and_people_without_change_stay() -> None:
    random = np.random.default_rng(2)
    before = random.integers(-1, 60, size=2000)
    labels = np.where(random.random(2000) < 0.9, before + 1, random.integers(0, 80, size=2000))
    matched = match_people(labels, before, named=range(0, 60, 3))
    given = [person for person in matched.values() if person is not None]
    assert len(given) == len(set(given)) == 60
    assert all(matched[person + 1] == person for person in range(60))


def test_the_order_of_nodes_does_not_matter() -> None:
    random = np.random.default_rng(6)
    labels, before = random.integers(0, 12, size=300), random.integers(-1, 12, size=300)
    first = match_people(labels, before, named={3, 5})
    order = random.permutation(300)
    assert match_people(labels[order], before[order], named={3, 5}) == first


def circle(*degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return unit(np.column_stack([np.cos(angle), np.sin(angle)]))


def test_two_named_people_in_one_cluster_are_taken_apart() -> None:
    vectors = circle(0, 2, 4, 9, 12, 14)
    labels, before = np.zeros(6, np.int64), np.array([1, 1, -1, -1, 2, 2])
    kept = keep_named_apart(labels, before, vectors, named={1, 2})
    assert kept.tolist() == [0, 0, 0, 1, 1, 1]
    assert match_people(kept, before, named={1, 2}) == {0: 1, 1: 2}


UNTOUCHED = {
    "one named, one not": ([0, 0, 0, 0], [1, 1, 2, 2], {1}),
    "a stray node of a named person": ([0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 2, 2], {1, 2}),
    "named people apart": ([0, 0, 1, 1], [1, 1, 2, 2], {1, 2}),
    "nobody named": ([0, 0, 0, 0], [1, 1, 2, 2], set()),
    "a named person without nodes": ([0, 0], [1, 1], {1, 77}),
}


@pytest.mark.parametrize(("labels", "before", "named"), UNTOUCHED.values(), ids=UNTOUCHED.keys())
def test_what_swallows_no_name_is_left_alone(labels: list[int], before: list[int], named: set[int]) -> None:
    vectors = circle(*range(len(labels)))
    assert keep_named_apart(np.array(labels), np.array(before), vectors, named=named).tolist() == labels


def test_must_linked_nodes_move_together() -> None:
    vectors = circle(0, 2, 5, 12, 14, 13)
    labels, before = np.zeros(6, np.int64), np.array([1, 1, -1, 2, 2, -1])
    kept = keep_named_apart(labels, before, vectors, named={1, 2}, must_link=[(2, 5)])
    assert kept[2] == kept[5]


def test_a_named_person_scattered_over_others_gets_a_home_back() -> None:
    # person 3's two nodes went to the clusters of persons 1 and 2
    labels = np.array([0, 0, 0, 1, 1, 1])
    before = np.array([1, 1, 3, 2, 2, 3])
    kept = keep_named_apart(labels, before, circle(0, 1, 2, 40, 41, 42), named={1, 2, 3})
    matched = match_people(kept, before, named={1, 2, 3})
    assert set(matched.values()) == {1, 2, 3}


def test_names_survive_any_regrouping() -> None:
    random = np.random.default_rng(8)
    for _ in range(50):
        before, labels = random.integers(-1, 10, size=60), random.integers(-1, 6, size=60)
        vectors = unit(random.normal(size=(60, 8)))
        named = set(random.choice(10, size=5, replace=False).tolist())
        kept = keep_named_apart(labels, before, vectors, named=named)
        present = {person for person in named if ((before == person) & (labels >= 0)).any()}
        assert present <= set(match_people(kept, before, named=named).values())
        assert np.array_equal(kept == -1, labels == -1)
