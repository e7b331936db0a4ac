"""Who is who in the whole library: groupings, their previews, and what is new."""

from app.services.grouping.decide import Decision, decide, group_tracks
from app.services.grouping.library import GROUPING_LOCK, ClusterSummary, apply_decision, cluster_library
from app.services.grouping.newcomers import newest_person, people_since, place_newcomers
from app.services.grouping.request import (
    request_clustering,
    request_clustering_if_small,
    request_clustering_of_news,
)
from app.services.grouping.state import LibraryState

__all__ = [
    "GROUPING_LOCK",
    "ClusterSummary",
    "Decision",
    "LibraryState",
    "apply_decision",
    "cluster_library",
    "decide",
    "group_tracks",
    "newest_person",
    "people_since",
    "place_newcomers",
    "request_clustering",
    "request_clustering_if_small",
    "request_clustering_of_news",
]
