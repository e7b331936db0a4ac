"""Views of videos, and the dashboard."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from app.domain import JobState
from app.errors import NotFoundError
from app.services.context import Context
from app.services.library.timeline import Interval, best_moments, in_pictures, on_screen, total_seconds
from app.storage.views import faces as face_views
from app.storage.views import job_lists
from app.storage.views import people as people_views
from app.storage.views import videos as video_views
from app.storage.views.job_lists import JobFilter, JobOrder
from app.storage.views.shapes import FaceRow, JobRow, Page, PersonRow, Totals, TrackRow, VideoRow
from app.storage.views.sources import SourceRow, sources_of_video

DASHBOARD_VIDEOS = 8
DASHBOARD_PEOPLE = 16
DASHBOARD_JOBS = 5
MOMENTS_PER_LANE = 48
UNKNOWN_SHOWN = 120
FRESH_SHOWN = 48


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The first page.

    Attributes:
        totals: What the library holds.
        videos: The newest videos.
        people: The most seen people.
        failed: The newest failed jobs.
    """

    totals: Totals
    videos: list[VideoRow]
    people: list[PersonRow]
    failed: list[JobRow]


@dataclass(frozen=True, slots=True)
class VideoList:
    """One page of videos.

    Attributes:
        videos: Newest first.
        total: How many there are.
        page: Which page this is.
        pages: How many pages there are.
    """

    videos: list[VideoRow]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One person in one video.

    Attributes:
        person: Who.
        intervals: When they are on screen.
        seconds: For how long altogether.
        face_count: Faces in this video.
        moments: Tracks with a picture, by time.
        more: Tracks beyond those.
    """

    person: PersonRow
    intervals: tuple[Interval, ...]
    seconds: float
    face_count: int
    moments: tuple[TrackRow, ...]
    more: int


@dataclass(frozen=True, slots=True)
class VideoDetail:
    """The video page.

    Attributes:
        video: The video.
        duration: Length of the timeline; where the file does not tell, the time of the last face.
        lanes: People, longest on screen first.
        unknown: Usable tracks that belong to nobody.
        poor: Tracks too poor to decide who they are.
        fresh: Newest faces that a running job has not linked yet.
        sources: Where it came from.
    """

    video: VideoRow
    duration: float
    lanes: list[Lane]
    unknown: tuple[TrackRow, ...]
    poor: tuple[TrackRow, ...]
    fresh: list[FaceRow]
    sources: list[SourceRow]


def dashboard(context: Context) -> Dashboard:
    """Everything the first page shows."""
    interval = context.settings.frame_extraction_interval
    with context.database.session() as session:
        return Dashboard(
            totals=video_views.totals(session),
            videos=video_views.list_videos(session, Page(1, DASHBOARD_VIDEOS)),
            people=people_views.list_people(session, Page(1, DASHBOARD_PEOPLE), default_interval=interval),
            failed=job_lists.piece(session, JobFilter(states=(JobState.FAILED,)), JobOrder(), DASHBOARD_JOBS),
        )


def list_videos(context: Context, page: Page) -> VideoList:
    """One page of videos, newest first."""
    with context.database.session() as session:
        total = video_views.count_videos(session)
        videos = video_views.list_videos(session, page)
    return VideoList(videos, total, page.number, max(1, -(-total // page.size)))


def video_row(context: Context, video_id: int) -> VideoRow:
    """One video with its counts.

    Raises:
        NotFoundError: There is no such video.
    """
    with context.database.session() as session:
        found = video_views.video(session, video_id)
    if found is None:
        raise NotFoundError("There is no such video. It may have been deleted.")
    return found


def video_detail(context: Context, video_id: int) -> VideoDetail:
    """Everything the video page shows.

    Raises:
        NotFoundError: There is no such video.
    """
    default = context.settings.frame_extraction_interval
    with context.database.session() as session:
        video = video_views.video(session, video_id)
        if video is None:
            raise NotFoundError("There is no such video. It may have been deleted.")
        tracks = face_views.tracks_of_video(session, video_id)
        ids = sorted({track.person_id for track in tracks if track.person_id is not None})
        people = people_views.people_by_id(session, ids, default_interval=default)
        people = {person_id: person for person_id, person in people.items() if person.is_listed}
        running = video.job is not None and not video.job.state.is_final
        fresh = face_views.unlinked_faces(session, video_id, FRESH_SHOWN) if running else []
        sources = sources_of_video(session, video_id)
    return VideoDetail(
        video=video,
        duration=_duration(video, tracks),
        lanes=_lanes(video, tracks, people, _interval(video, default)),
        unknown=best_moments([t for t in tracks if t.person_id is None and t.usable], UNKNOWN_SHOWN),
        poor=best_moments([t for t in tracks if t.person_id is None and not t.usable], UNKNOWN_SHOWN),
        fresh=fresh,
        sources=sources,
    )


def video_faces(context: Context, video_id: int, *, limit: int, offset: int) -> list[FaceRow]:
    """Faces of a video by time."""
    with context.database.session() as session:
        return face_views.faces_of_video(session, video_id, limit=limit, offset=offset)


def _interval(video: VideoRow, default: float) -> float:
    asked = video.job.interval if video.job is not None else None
    return video.interval or asked or default


def _duration(video: VideoRow, tracks: list[TrackRow]) -> float:
    last = max((track.end for track in tracks), default=0.0)
    return max(video.duration or 0.0, last)


def _lanes(video: VideoRow, tracks: list[TrackRow], people: dict[int, PersonRow], interval: float) -> list[Lane]:
    by_person: dict[int, list[TrackRow]] = defaultdict(list)
    for track in tracks:
        if track.person_id in people:
            by_person[track.person_id].append(track)
    lanes = []
    for person_id, mine in by_person.items():
        intervals = in_pictures(mine) if video.is_stills else on_screen(mine, interval, video.duration)
        moments = best_moments(mine, MOMENTS_PER_LANE)
        lanes.append(
            Lane(
                person=people[person_id],
                intervals=intervals,
                seconds=total_seconds(intervals),
                face_count=sum(track.face_count for track in mine),
                moments=moments,
                more=len(mine) - len(moments),
            )
        )
    return sorted(lanes, key=lambda lane: (-lane.seconds, -lane.face_count, lane.person.id))
