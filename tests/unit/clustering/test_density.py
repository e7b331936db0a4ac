"""DBSCAN on the graph against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import DBSCAN

from app.clustering.density import dbscan
from app.clustering.neighbours import build_graph
from tests.unit.clustering.people import make_people


@pytest.mark.parametrize("min_samples", [1, 2, 4, 12])
@pytest.mark.parametrize("radius", [0.05, 0.2, 0.35])
def test_labels_are_those_of_scikit_learn(radius: float, min_samples: int) -> None:
    vectors, _ = make_people(400, 30, noise=0.1)
    graph = build_graph(vectors, radius=radius, k=400)
    peer = DBSCAN(eps=radius, min_samples=min_samples, metric="precomputed").fit(graph.distances)
    assert dbscan(graph.distances, min_samples=min_samples).tolist() == peer.labels_.tolist()


def test_without_nodes_there_are_no_labels() -> None:
    assert len(dbscan(csr_matrix((0, 0), dtype=np.float32), min_samples=3)) == 0
