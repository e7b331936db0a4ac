"""Trackers on made-up scenes: ours is ahead of overlap alone at every rate, and does not mix people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import tracking_metrics as metrics
from benchmarks.peers import PeerError
from benchmarks.tracking import (
    ALL,
    OURS,
    OVERLAP,
    Followed,
    Tracked,
    follow,
    follow_by_overlap,
    frames_of,
    measure,
    purity,
    verdicts,
)
from benchmarks.tracking_report import section
from benchmarks.tracking_scenes import Sample, play
from benchmarks.tracking_walks import SCENES

Film = list[Sample]


def _idf1(films: list[Film], follower: object) -> float:
    return metrics.measure([frames_of(film, follower(film)) for film in films]).idf1  # type: ignore[operator]


@pytest.mark.parametrize(("rate", "least"), [(1, 0.7), (2, 0.75), (5, 0.78), (25, 0.8)])
def test_ours_is_ahead_of_overlap_alone(rate: float, least: float) -> None:
    films = [play(name, rate, seed=11, seconds=20 if rate < 5 else 8) for name in SCENES]
    ours, overlap = (_idf1(films, follower) for follower in (follow, follow_by_overlap))
    assert ours > overlap + 0.1
    assert ours > least
    assert purity([(film, follow(film)) for film in films]) > 0.99


def test_uneven_samples_do_no_harm() -> None:
    even, uneven = (
        [play(name, 5, seed=11, seconds=20, uneven=share) for name in ("crossings", "crowd", "missed and poor faces")]
        for share in (0.0, 0.8)
    )
    assert _idf1(uneven, follow) > _idf1(even, follow) - 0.05
    assert purity([(film, follow(film)) for film in uneven]) > 0.99


@pytest.mark.parametrize("rate", [1, 5, 25])
def test_a_cut_to_somebody_else_at_the_same_place_does_not_mix(rate: float) -> None:
    films = [play("cuts", rate, seed=seed, seconds=20) for seed in (3, 4)]
    assert purity([(film, follow(film)) for film in films]) == 1.0


def test_whoever_knows_of_cuts_is_not_behind() -> None:
    films = [play("cuts", 5, seed=seed, seconds=30) for seed in range(3)]
    blind = [
        [replace(sample, faces=tuple(replace(face, shot=None) for face in sample.faces)) for sample in film]
        for film in films
    ]
    assert _idf1(films, follow) >= _idf1(blind, follow) - 0.01


def test_without_the_others_it_is_measured_and_said(tmp_path: Path) -> None:
    def nowhere() -> Path:
        raise PeerError("they were left out")

    said: list[str] = []
    tracked = measure((2.0,), 1, 5.0, nowhere, tmp_path, said.append)
    assert {one.tracker for one in tracked.results} == {OURS, OVERLAP}
    assert len(tracked.results) == 2 * (len(SCENES) + 1)
    assert (tracked.peer, tracked.off) == (None, None)
    text = section(tracked)
    assert "Not compared: they were left out." in text
    assert "| crossings" in text
    assert [verdict.holds for verdict in verdicts(tracked)] == [None]


def _tracked(ours: float, other: float) -> Tracked:
    figures = [
        (OURS, metrics.Figures(0.9, ours, 0.8, 3)),
        (OVERLAP, metrics.Figures(0.9, 0.4, 0.3, 9)),
        ("deep-sort-realtime", metrics.Figures(0.9, other, 0.3, 9)),
    ]
    results = [Followed(1.0, scene, name, what, 1.0, 0.1) for name, what in figures for scene in ("cuts", ALL)]
    return Tracked(tuple(results), "deep-sort-realtime 9", None, 1e-9)


def test_the_verdict_names_the_best_of_the_others() -> None:
    (good,), (bad,) = verdicts(_tracked(0.8, 0.6)), verdicts(_tracked(0.5, 0.6))
    assert (good.holds, bad.holds) == (True, False)
    assert good.text == "tracks at 1 samples a second: IDF1 0.800, deep-sort-realtime 0.600"
    assert "differ from motmetrics' (MOTA, IDF1) and trackers' (HOTA) by at most 1.0e-09" in section(_tracked(0.8, 0.6))
