from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.vision.runtime import available_cores, cores


@pytest.mark.parametrize(
    ("cpu_max", "expected"),
    [("200000 100000", 2), ("max 100000", 64), ("50000 100000", 1), ("150000 100000", 2), ("nonsense", 64)],
)
def test_a_containers_quota_limits_the_threads(tmp_path: Path, monkeypatch, cpu_max: str, expected: int):
    (tmp_path / "cpu.max").write_text(cpu_max + "\n")
    monkeypatch.setattr(cores, "_CGROUP_V2", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)), raising=False)
    assert available_cores() == expected


@pytest.mark.parametrize(("quota", "expected"), [("300000", 3), ("-1", 64)])
def test_an_old_containers_quota_limits_the_threads(tmp_path: Path, monkeypatch, quota: str, expected: int):
    (tmp_path / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu.cfs_period_us").write_text("100000")
    monkeypatch.setattr(cores, "_CGROUP_V2", tmp_path / "absent")
    monkeypatch.setattr(cores, "_CGROUP_V1", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)), raising=False)
    assert available_cores() == expected


def test_affinity_limits_the_threads(monkeypatch):
    monkeypatch.setattr(cores, "_container_quota", lambda: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 5, 9}, raising=False)
    assert available_cores() == 3
