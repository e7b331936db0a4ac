"""How many cores there are to use."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1 = Path("/sys/fs/cgroup/cpu")


def available_cores() -> int:
    """Cores that this process may use: its CPU affinity, further limited by a container's CPU quota; at least 1.

    ``os.cpu_count()`` tells the machine's cores; with as many threads as that, a container that is allowed two of 64
    spends its quota on switching between them.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _container_quota()
    return max(1, min(cores, round(quota))) if quota else cores


def _container_quota() -> float | None:
    """Cores that the control group grants (cgroup v2, then v1), or ``None`` where there is no limit."""
    try:
        if _CGROUP_V2.is_file():
            limit, period = _CGROUP_V2.read_text().split()
        else:
            limit = (_CGROUP_V1 / "cpu.cfs_quota_us").read_text().strip()
            period = (_CGROUP_V1 / "cpu.cfs_period_us").read_text().strip()
        cores = int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        # no control group, or the word "max" for "no limit"
        return None
    return cores if cores > 0 else None
