"""Views of people."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from app.errors import NotFoundError
from app.services.context import Context
from app.services.library.timeline import Interval, best_moments, in_pictures, on_screen, total_seconds
from app.storage import people as people_rows
from app.storage.views import faces as face_views
from app.storage.views import people as people_views
from app.storage.views import videos as video_views
from app.storage.views.people import PeopleFilter, PeopleOrder
from app.storage.views.shapes import FaceRow, Page, PersonRow, TrackRow, VideoRow

MOMENTS_PER_VIDEO = 48


@dataclass(frozen=True, slots=True)
class PeopleList:
    """One page of people.

    Attributes:
        people: In the order asked for.
        total: How many pass the filter.
        page: Which page this is.
        pages: How many pages there are.
    """

    people: list[PersonRow]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Appearance:
    """One person in one video.

    Attributes:
        video: The video, without counts.
        duration: Length of the timeline.
        intervals: When the person is on screen.
        seconds: For how long altogether.
        face_count: Faces.
        moments: Tracks with a picture, by time.
        more: Tracks beyond those.
    """

    video: VideoRow
    duration: float
    intervals: tuple[Interval, ...]
    seconds: float
    face_count: int
    moments: tuple[TrackRow, ...]
    more: int


@dataclass(frozen=True, slots=True)
class PersonDetail:
    """The person page.

    Attributes:
        person: Who.
        appearances: One page of videos that show them, newest first.
        page: Which page this is.
        pages: How many pages there are.
    """

    person: PersonRow
    appearances: list[Appearance]
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A person with some of their faces, as the API gives them."""

    person: PersonRow
    faces: list[FaceRow]


@dataclass(frozen=True, slots=True)
class ClusterList:
    """One page of clusters.

    Attributes:
        clusters: Most seen first.
        total: How many there are.
        faces: Faces in the library.
        unassigned: Faces that belong to nobody.
        page: Which page this is.
        pages: How many pages there are.
    """

    clusters: list[Cluster]
    total: int
    faces: int
    unassigned: int
    page: int
    pages: int


def list_people(
    context: Context, page: Page, *, order: PeopleOrder = "seen", only: PeopleFilter = "all", text: str | None = None
) -> PeopleList:
    """One page of people.

    Args:
        context: The context.
        page: Which page.
        order: In which order.
        only: Which of them; hidden and ignored people only where they are asked for.
        text: Only those with these words in a name.
    """
    interval = context.settings.frame_extraction_interval
    with context.database.session() as session:
        among = people_rows.matching(session, text) if text and text.strip() else None
        total = people_views.count_people(session, only, among)
        people = people_views.list_people(session, page, default_interval=interval, order=order, only=only, among=among)
    return PeopleList(people, total, page.number, max(1, -(-total // page.size)))


def person_row(context: Context, person_id: int) -> PersonRow:
    """One person with their counts.

    Raises:
        NotFoundError: There is no such person.
    """
    with context.database.session() as session:
        found = people_views.person(session, person_id, default_interval=context.settings.frame_extraction_interval)
    if found is None:
        raise NotFoundError("There is no such person. A new grouping may have joined them with another one.")
    return found


def person_detail(context: Context, person_id: int, page: Page) -> PersonDetail:
    """Everything the person page shows.

    Raises:
        NotFoundError: There is no such person.
    """
    default = context.settings.frame_extraction_interval
    with context.database.session() as session:
        person = people_views.person(session, person_id, default_interval=default)
        if person is None:
            raise NotFoundError("There is no such person. A new grouping may have joined them with another one.")
        ids = face_views.videos_of_person(session, person_id, page)
        videos = video_views.videos_by_id(session, ids)
        tracks = face_views.tracks_of_person(session, person_id, ids)
    by_video: dict[int, list[TrackRow]] = defaultdict(list)
    for track in tracks:
        by_video[track.video_id].append(track)
    appearances = [_appearance(videos[id_], by_video[id_], default) for id_ in ids if id_ in videos]
    return PersonDetail(person, appearances, page.number, max(1, -(-person.video_count // page.size)))


def clusters_view(context: Context, page: Page, *, faces_per_person: int) -> ClusterList:
    """People with their best faces: the clusters of the API."""
    interval = context.settings.frame_extraction_interval
    with context.database.session() as session:
        counts = video_views.totals(session)
        people = people_views.list_people(session, page, default_interval=interval)
        faces = face_views.faces_of_people(session, [person.id for person in people], faces_per_person)
        unassigned = face_views.count_unassigned(session)
    return ClusterList(
        clusters=[Cluster(person, faces[person.id]) for person in people],
        total=counts.people,
        faces=counts.faces,
        unassigned=unassigned,
        page=page.number,
        pages=max(1, -(-counts.people // page.size)),
    )


def _appearance(video: VideoRow, tracks: list[TrackRow], default_interval: float) -> Appearance:
    interval = video.interval or default_interval
    intervals = in_pictures(tracks) if video.is_stills else on_screen(tracks, interval, video.duration)
    moments = best_moments(tracks, MOMENTS_PER_VIDEO)
    return Appearance(
        video=video,
        duration=max([video.duration or 0.0, *(track.end for track in tracks)]),
        intervals=intervals,
        seconds=total_seconds(intervals),
        face_count=sum(track.face_count for track in tracks),
        moments=moments,
        more=len(tracks) - len(moments),
    )
