"""Read-only views of the library for pages and the API."""

from app.services.library.jobs import Changes, JobsView, PageState, changes, job, jobs_view, page_state
from app.services.library.people import (
    Appearance,
    Cluster,
    ClusterList,
    PeopleList,
    PersonDetail,
    clusters_view,
    list_people,
    person_detail,
)
from app.services.library.timeline import Interval
from app.services.library.videos import (
    Dashboard,
    Lane,
    VideoDetail,
    VideoList,
    dashboard,
    list_videos,
    video_detail,
    video_faces,
    video_row,
)
from app.storage.views.shapes import LibraryMark

__all__ = [
    "Appearance",
    "Changes",
    "Cluster",
    "ClusterList",
    "Dashboard",
    "Interval",
    "JobsView",
    "Lane",
    "LibraryMark",
    "PageState",
    "PeopleList",
    "PersonDetail",
    "VideoDetail",
    "VideoList",
    "changes",
    "clusters_view",
    "dashboard",
    "job",
    "jobs_view",
    "list_people",
    "list_videos",
    "page_state",
    "person_detail",
    "video_detail",
    "video_faces",
    "video_row",
]
