"""The neighbour graph by many processes: each compares some of the lists, and what they found is put together.

A shard is a run of inverted lists that follow each other. Looking at a list depends on no other list (see
:mod:`app.clustering.neighbours.scan`), so it does not matter which process does it: edges within a list and those that
cross its border, which visitors find, come out the same, bit for bit, and their union is the graph of one process.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from app.clustering.neighbours.blocks import on_all_cores
from app.clustering.neighbours.scan import Found, Phase, Scan, joined


def cut(scan: Scan, shards: int) -> list[range]:
    """Cuts the lists into shards of about the same work.

    Args:
        scan: What is to be compared.
        shards: How many at most.

    Returns:
        The lists of each shard, in order; none is empty.
    """
    members, visitors = np.diff(scan.members.starts), np.diff(scan.visitors.starts)
    work = np.cumsum((members * (members + visitors) + 1).astype(np.float64))
    marks = np.searchsorted(work, work[-1] * np.arange(1, shards) / shards) + 1
    ends = np.unique([0, *marks, len(members)]).tolist()
    return [range(start, end) for start, end in pairwise(ends)]


def look(scan: Scan, lists: range, phase: Phase) -> Found:
    """Compares the lists of a shard, on all cores of this process; see :meth:`Scan.look`."""
    return joined(list(on_all_cores(lambda number: scan.look(number, phase), lists)))
