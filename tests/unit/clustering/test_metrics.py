"""Scores against cases worked by hand."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.clustering import bcubed, pairwise, purity, splits

# (truth, found, BCubed precision and recall, pairwise precision and recall)
CASES = {
    "perfect": ("aabbc", [1, 1, 2, 2, 3], (1, 1), (1, 1)),
    "all in one": ("aabb", [1, 1, 1, 1], (1 / 2, 1), (1 / 3, 1)),
    "all alone": ("aabb", [1, 2, 3, 4], (1, 1 / 2), (1, 0)),
    # Amigo et al., "A comparison of extrinsic clustering evaluation metrics", 2009, worked anew:
    # group 1 = {a, a, b}, group 2 = {b, c}; precision (2/3 + 2/3 + 1/3 + 1/2 + 1/2) / 5, recall (1 + 1 + 1/2 + 1/2 + 1) / 5
    "mixed": ("aabbc", [1, 1, 1, 2, 2], (8 / 15, 4 / 5), (1 / 4, 1 / 2)),
    "nobody counts as alone": ("aab", [1, None, -1], (1, 2 / 3), (1, 0)),
    "one item": ("a", [9], (1, 1), (1, 1)),
}


@pytest.mark.parametrize(("truth", "found", "by_item", "by_pair"), CASES.values(), ids=CASES.keys())
def test_scores(truth: str, found: list, by_item: tuple, by_pair: tuple) -> None:
    items, pairs = bcubed(truth, found), pairwise(truth, found)
    assert (items.precision, items.recall) == pytest.approx(by_item)
    assert (pairs.precision, pairs.recall) == pytest.approx(by_pair)


def test_f_is_the_harmonic_mean_and_zero_when_nothing_is_right() -> None:
    assert bcubed("aabb", [1, 1, 1, 1]).f == pytest.approx(2 / 3)
    assert pairwise("aabb", [1, 2, 1, 2]).f == 0.0


@pytest.mark.parametrize(("truth", "found"), [("ab", [1]), ("", [])], ids=["lengths", "nothing"])
def test_wrong_input_is_refused(truth: str, found: list) -> None:
    with pytest.raises(ValueError):
        bcubed(truth, found)


def test_agrees_with_the_shared_scorer(shared: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    truth, found = random.integers(9, size=200).tolist(), random.integers(12, size=200).tolist()
    for name, labels in (("truth", truth), ("found", found)):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([("id", "group"), *enumerate(labels)])
    command = [sys.executable, str(shared / "tools" / "score.py"), str(tmp_path / "truth"), str(tmp_path / "found")]
    scores = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    items, pairs = bcubed(truth, found), pairwise(truth, found)
    ours = (items.precision, items.recall, items.f, pairs.precision, pairs.recall, pairs.f)
    names = [f"{kind}_{part}" for kind in ("bcubed", "pairwise") for part in ("precision", "recall", "f")]
    assert ours == pytest.approx([scores[name] for name in names], abs=6e-5)


def test_purity_counts_those_who_are_in_the_right_group() -> None:
    assert purity("aaabb", [0, 0, 0, 0, 1]) == pytest.approx(0.8)
    assert purity("ab", [None, -1]) == 1.0
    assert purity("ab", [0, 0]) == 0.5


def test_splits_counts_groups_that_are_too_many() -> None:
    assert splits("aaabb", [0, 0, 0, 1, 1]) == 0
    assert splits("aaabb", [0, 1, 2, 1, 1]) == 2
    assert splits("aab", [-1, -1, 0]) == 1
