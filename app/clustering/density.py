"""DBSCAN on a sparse graph (Ester, Kriegel, Sander and Xu 1996), with the labels that scikit-learn's gives.

scikit-learn makes one Python object per node for its neighbours, which for a million nodes takes 10 GB. Here clusters
are the connected parts of the graph between core nodes.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from app.clustering.constraints import first_seen
from app.domain import IntArray


def dbscan(distances: csr_matrix, *, min_samples: int) -> IntArray:
    """Groups the nodes of a graph by density.

    Args:
        distances: CSR (n, n), symmetric; every stored entry is an edge within the radius.
        min_samples: How many nodes within the radius, itself included, make a core.

    Returns:
        ``int64`` (n,): clusters 0, 1, ... in the order of their first core; -1 is noise. A node at the border of
        several clusters goes to the first of them.
    """
    core = np.diff(distances.indptr) + 1 >= min_samples
    if core.all():
        return first_seen(connected_components(distances, directed=False)[1].astype(np.int64))
    inside = np.flatnonzero(core)
    labels = np.full(len(core), -1, dtype=np.int64)
    if not len(inside):
        return labels
    part = distances[inside][:, inside]
    labels[inside] = first_seen(connected_components(part, directed=False)[1].astype(np.int64))
    near = distances[np.flatnonzero(~core)].tocoo()
    reached = labels[near.col] >= 0
    border = np.full(len(core) - len(inside), len(inside), dtype=np.int64)
    np.minimum.at(border, near.row[reached], labels[near.col[reached]])
    labels[~core] = np.where(border < len(inside), border, -1)
    return labels
