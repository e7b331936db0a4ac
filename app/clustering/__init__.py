"""Grouping of faces into people: arrays in, arrays out; knows no database, no settings and no web."""

from app.clustering.algorithms import Algorithm, group
from app.clustering.attach import attach
from app.clustering.constraints import ContradictionError, shared_frame_conflicts, temporal_conflicts
from app.clustering.identities import keep_named_apart, match_people
from app.clustering.means import plain_means
from app.clustering.metrics import Scores, bcubed, pairwise, purity, splits
from app.clustering.neighbours import NeighbourGraph, build_graph

__all__ = [
    "Algorithm",
    "ContradictionError",
    "NeighbourGraph",
    "Scores",
    "attach",
    "bcubed",
    "build_graph",
    "group",
    "keep_named_apart",
    "match_people",
    "pairwise",
    "plain_means",
    "purity",
    "shared_frame_conflicts",
    "splits",
    "temporal_conflicts",
]
