"""Nothing that a user said is broken by a grouping, whatever the faces look like."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clustering.algorithms import group
from app.clustering.contradictions import consistent
from app.clustering.known import NEW, NOBODY, Nodes, Rules
from app.clustering.regroup import Outcome, regroup
from tests.unit.clustering.people import make_people, unit

THRESHOLD = 0.4


def by_linkage(vectors, weights, cannot, must):
    return group(vectors, threshold=THRESHOLD, weights=weights, cannot_link=cannot, must_link=must)


def pairs(*given: tuple[int, int]) -> np.ndarray:
    return np.array(given, np.int64).reshape(-1, 2)


def circle(*degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return unit(np.column_stack([np.cos(angle), np.sin(angle)]))


def nodes_of(vectors, previous=None, *, weights=None, usable=None, confirmed=()) -> Nodes:
    count = len(vectors)
    sure = np.zeros(count, np.bool_)
    sure[list(confirmed)] = True
    return Nodes(
        vectors,
        np.ones(count, np.float32) if weights is None else np.array(weights, np.float32),
        np.ones(count, np.bool_) if usable is None else np.array(usable, np.bool_),
        np.full(count, NOBODY, np.int64) if previous is None else np.array(previous, np.int64),
        sure,
    )


def rules_of(kept=(), named=(), **given) -> Rules:
    ids = np.array(sorted({*kept, *named}), np.int64)
    return Rules(kept=ids, named=np.isin(ids, list(named)), **{name: pairs(*value) for name, value in given.items()})


def done(nodes: Nodes, rules: Rules, grouping=by_linkage) -> Outcome:
    return regroup(nodes, rules, grouping, threshold=THRESHOLD, poor_threshold=0.8 * THRESHOLD)


def test_new_faces_found_people_and_old_people_stay() -> None:
    nodes = nodes_of(circle(0, 2, 90, 92, 180), [7, -1, 3, 3, -1])
    assert done(nodes, Rules()).people.tolist() == [7, 7, 3, 3, NEW]


def test_two_named_people_who_look_alike_stay_two_and_a_new_face_goes_to_the_nearer_one() -> None:
    nodes = nodes_of(circle(0, 1, 9, 10, 2), [1, 1, 2, 2, -1])
    assert done(nodes, rules_of(named=(1, 2))).people.tolist() == [1, 1, 2, 2, 1]


def test_of_two_kept_people_without_names_the_larger_stays_and_it_is_told() -> None:
    nodes = nodes_of(circle(0, 1, 2), [1, 2, 2])
    outcome = done(nodes, rules_of(kept=(1, 2)))
    assert outcome.people.tolist() == [2, 2, 2]
    assert outcome.joined == ((1, 2),)


def test_kept_people_without_names_stay_two_where_a_rule_says_so() -> None:
    nodes = nodes_of(circle(0, 1, 2), [1, 2, 2])
    assert done(nodes, rules_of(kept=(1, 2), strangers=[(1, 2)])).people.tolist() == [1, 2, 2]


def test_the_cluster_with_the_confirmed_track_goes_on_however_small_it_is() -> None:
    nodes = nodes_of(circle(0, 90, 91, 92), [5, 5, 5, 5], weights=[1, 50, 50, 50], confirmed=[0])
    assert done(nodes, rules_of(named=(5,))).people.tolist() == [5, NEW, NEW, NEW]


def test_confirmed_tracks_hold_together_however_different_they_look() -> None:
    nodes = nodes_of(circle(0, 90, 180), [5, 5, 9], confirmed=[0, 1])
    assert done(nodes, rules_of(named=(5,))).people.tolist() == [5, 5, 9]


def test_not_this_person() -> None:
    nodes = nodes_of(circle(0, 1, 4), [5, 5, -1])
    assert done(nodes, rules_of(named=(5,), not_person=[(2, 5)])).people.tolist() == [5, 5, NEW]


def test_a_poor_track_that_is_not_this_person_waits() -> None:
    nodes = nodes_of(circle(0, 1, 2), [5, 5, -1], usable=[True, True, False])
    assert done(nodes, rules_of(kept=(5,))).people.tolist() == [5, 5, 5]
    assert done(nodes, rules_of(kept=(5,), not_person=[(2, 5)])).people.tolist() == [5, 5, NOBODY]


def test_contradictions_are_named_and_the_cannot_link_wins() -> None:
    nodes = nodes_of(circle(0, 90, 180))
    outcome = done(nodes, rules_of(same=[(0, 1), (1, 2)], together=[(0, 2)]))
    assert outcome.broken_same.tolist() == [1]
    assert outcome.people[0] == outcome.people[1] != outcome.people[2]


def test_two_confirmed_tracks_in_one_frame_cannot_both_be_right() -> None:
    nodes = nodes_of(circle(0, 90), [5, 5], weights=[1, 3], confirmed=[0, 1])
    outcome = done(nodes, rules_of(named=(5,), together=[(0, 1)]))
    assert outcome.people.tolist() == [NEW, 5]
    assert outcome.broken_confirmed.tolist() == [0]


def test_same_person_does_not_join_two_names() -> None:
    nodes = nodes_of(circle(0, 90), [1, 2])
    outcome = done(nodes, rules_of(named=(1, 2), same=[(0, 1)]))
    assert outcome.people.tolist() == [1, 2]
    assert outcome.broken_same.tolist() == [0]


def test_poor_tracks_never_bridge_two_people() -> None:
    vectors = circle(0, 40, 80)
    assert done(nodes_of(vectors, usable=[True, False, True]), Rules()).people[[0, 2]].tolist() == [NEW, NEW - 1]


def test_poor_tracks_of_a_named_person_who_has_no_others_stay_theirs() -> None:
    nodes = nodes_of(circle(0, 90), [4, 8], usable=[False, False])
    assert done(nodes, rules_of(named=(4,))).people.tolist() == [4, NOBODY]


def test_a_confirmed_poor_track_stays_and_others_attach_to_it() -> None:
    nodes = nodes_of(circle(0, 1, 2), [4, -1, -1], usable=[False] * 3, confirmed=[0])
    assert done(nodes, rules_of(named=(4,), not_person=[(2, 4)])).people.tolist() == [4, 4, NOBODY]


def test_must_links_that_give_way_are_the_later_ones() -> None:
    groups, broken = consistent(5, pairs((0, 1), (2, 3), (1, 2), (3, 4)), pairs((0, 3)))
    assert broken.tolist() == [2]
    assert groups.tolist() == [0, 0, 1, 1, 1]


COUNT, PEOPLE = 24, 6
some_pairs = st.lists(
    st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(lambda pair: pair[0] != pair[1]), max_size=12
)


@pytest.mark.parametrize("algorithm", ["agglomerative", "dbscan", "hdbscan", "graph"])
def test_no_rule_is_ever_broken(algorithm: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(
        seed=st.integers(0, 10_000),
        together=some_pairs,
        same=some_pairs,
        apart=some_pairs,
        named=st.sets(st.integers(0, PEOPLE - 1)),
        kept=st.sets(st.integers(0, PEOPLE - 1)),
        confirmed=st.sets(st.integers(0, COUNT - 1), max_size=6),
        denied=st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(0, PEOPLE - 1)), max_size=4),
        strangers=st.lists(st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, PEOPLE - 1)), max_size=2),
    )
    def holds(seed, together, same, apart, named, kept, confirmed, denied, strangers) -> None:
        random = np.random.default_rng(seed)
        vectors, _ = make_people(COUNT, 3, noise=0.25, dimension=6, seed=seed)
        previous = random.integers(-1, PEOPLE, size=COUNT)
        confirmed = {node for node in confirmed if previous[node] >= 0}
        strangers = [pair for pair in strangers if pair[0] != pair[1]]
        whom = {*kept, *named, *(int(previous[node]) for node in confirmed), *(person for _, person in denied)}
        whom.update(person for pair in strangers for person in pair)
        weights = random.integers(1, 9, size=COUNT)
        usable = random.random(COUNT) < 0.7
        nodes = nodes_of(vectors, previous, weights=weights, usable=usable, confirmed=confirmed)
        rules = rules_of(whom, named, together=together, same=same, apart=apart, not_person=denied, strangers=strangers)
        grouping = partial(_by, algorithm)
        check(nodes, rules, done(nodes, rules, grouping))

    holds()


def _by(algorithm, vectors, weights, cannot, must):
    return group(vectors, algorithm=algorithm, threshold=THRESHOLD, weights=weights, cannot_link=cannot, must_link=must)


def check(nodes: Nodes, rules: Rules, outcome: Outcome) -> None:
    people = outcome.people
    for one, other in [*rules.together.tolist(), *rules.apart.tolist()]:
        assert people[one] != people[other] or people[one] == NOBODY
    for node, person in rules.not_person.tolist():
        assert people[node] != person
    broken = set(outcome.broken_same.tolist())
    for place, (one, other) in enumerate(rules.same.tolist()):
        assert place in broken or people[one] == people[other]
    for node in np.flatnonzero(nodes.confirmed).tolist():
        assert node in outcome.broken_confirmed or people[node] == nodes.previous[node] or _joined(nodes, node, outcome)
    denied = set(map(tuple, rules.not_person.tolist()))
    for person, named in zip(rules.kept.tolist(), rules.named.tolist(), strict=True):
        own = [n for n in np.flatnonzero(nodes.previous == person).tolist() if (n, person) not in denied]
        if named and any(nodes.usable[node] for node in own):
            assert (people == person).any()
    new = sorted(set(people[people <= NEW].tolist()), reverse=True)
    assert new == list(range(NEW, NEW - len(new), -1))


def _joined(nodes: Nodes, node: int, outcome: Outcome) -> bool:
    return dict(outcome.joined).get(int(nodes.previous[node])) == outcome.people[node]
