"""Rules that cannot all hold: which must-link pairs give way.

Must-link rules form chains, and a chain may join two nodes that cannot be linked. That must neither fail a grouping nor
be passed over in silence: the cannot-link wins, as few must-links as are needed give way, the least important ones first,
and they are named.
"""

from __future__ import annotations

import numpy as np

from app.clustering.constraints import find_contradictions, must_link_groups
from app.domain import IntArray


def consistent(count: int, must_link: IntArray, cannot_link: IntArray) -> tuple[IntArray, IntArray]:
    """Finds must-link rules that hold together with all cannot-link rules.

    Args:
        count: Number of nodes.
        must_link: ``int64`` (m, 2), the most important first; pairs of a node with itself are allowed.
        cannot_link: ``int64`` (k, 2), no pair of a node with itself.

    Returns:
        ``int64`` (count,) the groups that the rules which hold form, numbered 0, 1, ... in the order of their first node;
        and the places in ``must_link`` of those that gave way.
    """
    groups = must_link_groups(count, must_link)
    broken = find_contradictions(groups, cannot_link)
    if not broken:
        return groups, np.empty(0, np.int64)
    torn = np.unique([groups[node] for node, _ in broken])
    doubtful = np.flatnonzero(np.isin(groups[must_link[:, 0]], torn))
    rules = cannot_link[np.isin(groups[cannot_link[:, 0]], torn) & np.isin(groups[cannot_link[:, 1]], torn)]
    unions = _Unions(rules)
    gave_way = [place for place in doubtful.tolist() if not unions.join(*map(int, must_link[place]))]
    holds = np.ones(len(must_link), dtype=bool)
    holds[gave_way] = False
    return must_link_groups(count, must_link[holds]), np.array(gave_way, dtype=np.int64)


class _Unions:
    """Joins nodes one pair after the other, and refuses pairs that would break a rule."""

    def __init__(self, cannot_link: IntArray) -> None:
        self._root: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}
        self._enemies: dict[int, set[int]] = {}
        for one, other in cannot_link.tolist():
            self._enemies.setdefault(one, set()).add(other)
            self._enemies.setdefault(other, set()).add(one)

    def join(self, one: int, other: int) -> bool:
        """Makes one group of two, unless they may not be."""
        left, right = self._find(one), self._find(other)
        if left == right:
            return True
        if any(self._find(enemy) == right for enemy in self._enemies.get(left, ())):
            return False
        if len(self._members[left]) < len(self._members[right]):
            left, right = right, left
        for node in self._members[right]:
            self._root[node] = left
        self._members[left] += self._members.pop(right)
        self._enemies.setdefault(left, set()).update(self._enemies.pop(right, set()))
        return True

    def _find(self, node: int) -> int:
        if node not in self._root:
            self._root[node] = node
            self._members[node] = [node]
        return self._root[node]
