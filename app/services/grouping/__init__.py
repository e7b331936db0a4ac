"""Who is who in the whole library: groupings, their previews, and what is new."""

from app.services.grouping.decide import group_tracks
from app.services.grouping.library import GROUPING_LOCK, ClusterSummary, apply_grouping, cluster_library
from app.services.grouping.request import request_clustering, request_clustering_of_news

__all__ = [
    "GROUPING_LOCK",
    "ClusterSummary",
    "apply_grouping",
    "cluster_library",
    "group_tracks",
    "request_clustering",
    "request_clustering_of_news",
]
