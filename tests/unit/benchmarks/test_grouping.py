"""The comparison of algorithms, on the smallest sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.clustering.algorithms import ALGORITHMS
from benchmarks import grouping, grouping_report
from benchmarks.engines import Weights
from benchmarks.grouping_sets import made_up
from tools.face_models import MOBILEFACENET


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[grouping.Scored]:
    weights = Weights(tmp_path_factory.mktemp("models"), lambda _: None)
    return grouping.measure(grouping.QUICK, weights, lambda _: None)


def test_every_algorithm_is_scored_on_every_set(results: list[grouping.Scored]) -> None:
    names = {one.name for one in results}
    assert names == {"300 faces, 5% noise", "600 faces, 5% noise", "300 faces, 5% noise, known as poor"}
    assert len(results) == len(names) * len(ALGORITHMS)
    assert all(one.by_item.f > 0.85 and one.purity > 0.9 and one.splits >= 0 for one in results)


def test_poor_faces_that_are_known_do_not_group() -> None:
    faces = made_up(MOBILEFACENET, 300, 0.2, known=True)
    assert np.count_nonzero(~faces.usable) == 60
    assert (
        grouping.judge(faces, "graph").by_item.precision
        >= grouping.judge(made_up(MOBILEFACENET, 300, 0.2), "graph").by_item.precision
    )


def test_the_report_has_a_table_for_each_kind_and_charts(results: list[grouping.Scored], tmp_path: Path) -> None:
    text = grouping_report.section(results)
    assert text.startswith("## Algorithms of grouping\n\n")
    assert text.count("### Made up like mobilefacenet\n\n| set ") == 1
    assert all(f" {algorithm} |" in text for algorithm in ALGORITHMS)
    assert grouping_report.draw(results, tmp_path) == ["images/grouping-made-up.png"]
    assert 10_000 < (tmp_path / "images" / "grouping-made-up.png").stat().st_size < 200_000
