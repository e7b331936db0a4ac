"""Rules: how they are found, cleaned and checked."""

from __future__ import annotations

import numpy as np
import pytest

from app.clustering import shared_frame_conflicts, temporal_conflicts
from app.clustering.constraints import as_pairs, find_contradictions, first_seen, must_link_groups

CASES = {
    "nobody": ([], [], []),
    "one track": ([1], [[0, 1, 2]], []),
    "side by side": ([1, 1], [[0, 1], [1, 2]], [(0, 1)]),
    "one after the other": ([1, 1], [[0, 1], [2, 3]], []),
    "interleaved but never together": ([1, 1], [[0, 2, 4], [1, 3, 5]], []),
    "same samples of two videos": ([1, 2], [[0, 1], [0, 1]], []),
    "three in one frame": ([7, 7, 7], [[4], [4], [4]], [(0, 1), (0, 2), (1, 2)]),
    "together many times": ([7, 7], [[1, 2, 3], [1, 2, 3]], [(0, 1)]),
    "two videos, mixed": ([1, 2, 1, 2], [[5], [5], [5], [6]], [(0, 2)]),
}


@pytest.mark.parametrize(("videos", "samples", "expected"), CASES.values(), ids=CASES.keys())
def test_temporal_conflicts(videos: list[int], samples: list[list[int]], expected: list[tuple[int, int]]) -> None:
    assert [tuple(pair) for pair in temporal_conflicts(videos, samples).tolist()] == expected


def test_conflicts_from_one_row_per_face_do_not_depend_on_the_order_of_rows() -> None:
    random = np.random.default_rng(0)
    nodes, videos, samples = (random.integers(high, size=500) for high in (40, 3, 30))
    videos = nodes % 3  # a track is in one video
    together = {
        (min(a, b), max(a, b))
        for i, a in enumerate(nodes.tolist())
        for j, b in enumerate(nodes.tolist())
        if a != b and videos[i] == videos[j] and samples[i] == samples[j]
    }
    found = shared_frame_conflicts(nodes, videos, samples)
    assert {tuple(pair) for pair in found.tolist()} == together
    assert len(found) == len(together)


def test_temporal_conflicts_want_one_video_per_node() -> None:
    with pytest.raises(ValueError, match="2 videos but 1"):
        temporal_conflicts([1, 2], [[0]])


def test_pairs_are_cleaned() -> None:
    assert as_pairs([(3, 1), (1, 3), (0, 2)], 4).tolist() == [[0, 2], [1, 3]]
    assert as_pairs([], 0).shape == (0, 2)


def test_must_links_form_groups_across_several_pairs() -> None:
    assert must_link_groups(6, as_pairs([(1, 4), (4, 2)], 6)).tolist() == [0, 1, 1, 2, 1, 3]


def test_contradictions_are_pairs_within_a_group_and_never_noise() -> None:
    groups = np.array([0, 0, 1, -1, -1])
    assert find_contradictions(groups, as_pairs([(0, 1), (0, 2), (3, 4)], 5)) == [(0, 1)]


def test_first_seen_keeps_noise() -> None:
    assert first_seen(np.array([5, -1, 2, 5, -1, 0])).tolist() == [0, -1, 1, 0, -1, 2]
    assert first_seen(np.array([], dtype=np.int64)).tolist() == []
