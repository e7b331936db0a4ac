"""The scale of grouping: every way groups, and the report says what holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import clustering_scale, clustering_scale_report
from benchmarks.clustering_scale import ADDING, EXACT, OURS, PEERS, Grouped


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faces") / "faces-1500.npy"
    clustering_scale.main(["make", str(path), "1500"])
    return path


def _measured(way: str, faces: Path, capsys: pytest.CaptureFixture[str]) -> Grouped:
    clustering_scale.main([way, str(faces)])
    return Grouped(**json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("way", [*OURS, EXACT, *PEERS])
def test_every_way_finds_people(way: str, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = _measured(way, faces, capsys)
    assert (one.way, one.nodes) == (way, 1500)
    assert one.right is not None
    assert one.right > 0.8
    assert one.peak_gib > 0.05


def test_ours_is_compared_with_exact_dbscan(faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _measured(EXACT, faces, capsys)
    assert _measured(OURS[1], faces, capsys).agreement == 1.0


def test_adding_is_measured(faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = _measured(ADDING, faces, capsys)
    assert one.nodes == 1500
    assert one.right is None


def test_the_report_says_what_was_promised_and_whether_it_holds() -> None:
    results = [
        Grouped(OURS[0], 1_000_000, 290.0, 500.0, 5.7, 0.95),
        Grouped(OURS[1], 100_000, 31.0, 60.0, 1.0, 0.94, 0.999),
        Grouped(ADDING, 1_000_000, 1.5, 2.0, 3.0),
        Grouped(PEERS[0], 10_000, 3.0, 6.0, 1.0, 0.9),
    ]
    text = clustering_scale_report.section(results)
    assert text.startswith("## Grouping, by number of faces\n\n| faces ")
    assert text.index("10,000 ") < text.index("1,000,000 ")
    assert [verdict.holds for verdict in clustering_scale_report.verdicts(results)] == [True, False, False, True, True]
