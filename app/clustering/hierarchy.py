"""HDBSCAN on the sparse graph (Campello, Moulavi and Sander 2013; the selection of clusters by scikit-learn).

DBSCAN needs one distance for everybody. Here every person may be as dense as they are: of all clusters that appear while
the distance grows, those that last longest are taken.

scikit-learn wants one connected graph, and takes copies of one picture for the densest person there is. Hence:

* Parts of the graph are bridged at the radius, so that everything ends there as it does in the graph.
* Two made-up nodes stand for "somebody else", or a library of one person would be torn: the root is never a cluster.
* Distances below a share of the radius count as that share: how alike two frames of a second are says nothing.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from app.domain import FloatArray, IntArray

# Of the radius: clusters nearer than that are never told apart, and smaller distances make nothing denser.
FLOOR = 0.5


def hdbscan(distances: csr_matrix, *, radius: float, min_samples: int = 1, floor: float = FLOOR) -> IntArray:
    """Groups the nodes of a graph by density.

    Args:
        distances: ``float32`` CSR (n, n), symmetric, all values in (0, ``radius``].
        radius: Clusters farther apart than this are never one.
        min_samples: A node's density is its distance to the neighbour of this number, at least 1.
        floor: Share of the radius below which distances count the same.

    Returns:
        ``int64`` (n,) clusters 0, 1, ...; -1 is noise.
    """
    labels = np.full(distances.shape[0], -1, dtype=np.int64)
    linked = np.flatnonzero(np.diff(distances.indptr))
    if not len(linked):
        return labels
    from sklearn.cluster import HDBSCAN  # noqa: PLC0415 - costs every command a second, and few ask for it

    reach = _reachability(distances[linked][:, linked], radius, min_samples, floor * radius)
    model = HDBSCAN(
        min_cluster_size=2,
        min_samples=1,
        metric="precomputed",
        cluster_selection_epsilon=floor * radius,
        copy=False,
    )
    labels[linked] = model.fit(_bridged(reach, radius)).labels_[: len(linked)]
    return labels


def _reachability(distances: csr_matrix, radius: float, min_samples: int, floor: float) -> csr_matrix:
    """Mutual reachability: no edge is shorter than the way to either end's neighbour of number ``min_samples``."""
    core = _core_distances(distances, radius, min_samples)
    rows = np.repeat(np.arange(distances.shape[0]), np.diff(distances.indptr))
    data = np.maximum(np.maximum(distances.data, floor), np.maximum(core[rows], core[distances.indices]))
    return csr_matrix((data, distances.indices, distances.indptr), shape=distances.shape)


def _core_distances(distances: csr_matrix, radius: float, min_samples: int) -> FloatArray:
    """Distance of each node's neighbour of number ``min_samples``; the radius where it has fewer."""
    rows = np.repeat(np.arange(distances.shape[0]), np.diff(distances.indptr))
    order = np.lexsort((distances.data, rows))
    place = distances.indptr[:-1] + min_samples - 1
    enough = place < distances.indptr[1:]
    core = np.full(distances.shape[0], radius, dtype=np.float32)
    core[enough] = distances.data[order[place[enough]]]
    return core


def _bridged(reach: csr_matrix, radius: float) -> csr_matrix:
    """The graph in one part, with the two nodes of "somebody else" at its end."""
    count = reach.shape[0]
    parts = connected_components(reach, directed=False)[1]
    first = np.append(np.unique(parts, return_index=True)[1], count)
    low = np.append(first[:-1], count)
    high = np.append(first[1:], count + 1)
    bridge = np.full(len(low), np.nextafter(np.float32(radius), np.float32(4.0)), dtype=np.float32)
    bridge[-1] = 0.5 * radius
    inside = reach.tocoo()
    return coo_matrix(
        (
            np.concatenate([inside.data, bridge, bridge]),
            (np.concatenate([inside.row, low, high]), np.concatenate([inside.col, high, low])),
        ),
        shape=(count + 2, count + 2),
    ).tocsr()
