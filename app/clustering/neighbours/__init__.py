"""The neighbour graph on which every grouping works; there is never a dense n x n matrix.

``blocks`` compares a block of nodes with a block of nodes, ``quantiser`` says which nodes lie near each other at all,
``scan`` compares list against list, ``graph`` joins what was found, ``build`` is the entrance for a whole library, and
``inverted_lists`` the one for nodes that come and go.
"""

from app.clustering.neighbours.build import GraphBuilder, build_graph
from app.clustering.neighbours.graph import NeighbourGraph
from app.clustering.neighbours.inverted_lists import Hits, InvertedLists

__all__ = ["GraphBuilder", "Hits", "InvertedLists", "NeighbourGraph", "build_graph"]
