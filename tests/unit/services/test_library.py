from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain import JobState
from app.errors import NotFoundError
from app.services import library as views
from app.services.context import Context
from app.services.library.timeline import Interval, best_moments, on_screen, total_seconds
from app.storage.views.job_lists import JobFilter
from app.storage.views.shapes import Page, TrackRow
from tests.library import Library, ago, make_context


@pytest.fixture
def context(tmp_path: Path, database_url: str) -> Iterator[Context]:
    """Each test runs once on SQLite and once on PostgreSQL."""
    made = make_context(tmp_path, database_url=database_url)
    yield made
    made.database.dispose()


@pytest.fixture
def library(context: Context) -> Library:
    return Library(context)


def track(
    start: float, end: float, *, quality: float = 0.5, number: int = 1, crop: str | None = "faces/1/a.jpg"
) -> TrackRow:
    return TrackRow(number, 1, 1, start, end, 1, quality, True, crop, start)


@pytest.mark.parametrize(
    ("spans", "interval", "duration", "expected"),
    [
        pytest.param([], 1.0, 10.0, [], id="none"),
        pytest.param([(2, 2)], 1.0, 10.0, [(2, 3)], id="one-face"),
        pytest.param([(2, 4)], 0.5, 10.0, [(2, 4.5)], id="one-track"),
        pytest.param([(9.5, 9.5)], 1.0, 10.0, [(9.5, 10)], id="cut-at-the-end"),
        pytest.param([(9.5, 10.2)], 1.0, 10.0, [(9.5, 10.2)], id="never-shorter-than-its-faces"),
        pytest.param([(1, 2), (3, 4)], 1.0, 10.0, [(1, 5)], id="touching"),
        pytest.param([(1, 2), (3.4, 4)], 1.0, 10.0, [(1, 5)], id="off-the-grid"),
        pytest.param([(1, 2), (4, 4)], 1.0, 10.0, [(1, 3), (4, 5)], id="apart"),
        pytest.param([(4, 4), (1, 2)], 1.0, 10.0, [(1, 3), (4, 5)], id="unordered"),
        pytest.param([(1, 5), (2, 3)], 1.0, 10.0, [(1, 6)], id="inside"),
        pytest.param([(1, 1)], 1.0, None, [(1, 2)], id="length-unknown"),
    ],
)
def test_on_screen(
    spans: list[tuple[float, float]], interval: float, duration: float | None, expected: list[tuple[float, float]]
) -> None:
    found = on_screen([track(*span) for span in spans], interval, duration)
    assert found == tuple(Interval(*span) for span in expected)
    assert total_seconds(found) == pytest.approx(sum(end - start for start, end in expected))


def test_best_moments_keeps_the_best_in_order_of_time() -> None:
    tracks = [track(n, n, quality=q, number=n) for n, q in enumerate([0.1, 0.9, 0.5, 0.8])]
    assert [row.id for row in best_moments(tracks, 2)] == [1, 3]
    assert best_moments([track(0, 0, crop=None)], 5) == ()


def test_an_empty_library(context: Context) -> None:
    view = views.dashboard(context)
    assert (view.totals.videos, view.totals.faces, view.totals.seconds, view.totals.size_bytes) == (0, 0, 0.0, 0)
    assert (view.videos, view.people, view.failed) == ([], [], [])
    assert views.list_people(context, Page()).pages == 1


def test_dashboard_counts(context: Context, library: Library) -> None:
    first = library.video("first", duration=30.0, data=b"12345")
    second = library.video("second", duration=12.5, state=JobState.RUNNING)
    ada, eve = library.person("Ada"), library.person()
    library.track(first, ada, [1.0, 2.0])
    library.track(first, eve, [1.0])
    library.track(second, eve, [5.0, 6.0, 7.0])
    view = views.dashboard(context)
    totals = view.totals
    assert (totals.videos, totals.seconds, totals.faces) == (2, 42.5, 6)
    assert (totals.people, totals.named, totals.active_jobs) == (2, 1, 1)
    assert [(video.title, video.face_count, video.people_count) for video in view.videos] == [
        ("second", 3, 1),
        ("first", 3, 2),
    ]
    assert len(view.videos[1].covers) == 2
    assert view.videos[0].job is not None
    assert view.videos[0].job.state is JobState.RUNNING
    assert [(person.id, person.face_count, person.video_count, person.seconds) for person in view.people] == [
        (eve, 4, 2, 4.0),
        (ada, 2, 1, 2.0),
    ]


def test_the_latest_job_is_the_one_shown(context: Context, library: Library) -> None:
    video = library.video(state=None)
    library.job(video, state=JobState.FAILED, created_at=ago(hours=2))
    newest = library.job(video, state=JobState.QUEUED)
    library.job(video, state=JobState.CANCELLED, created_at=ago(hours=1))
    row = views.video_row(context, video)
    assert row.job is not None
    assert row.job.id == newest


def test_video_detail(context: Context, library: Library) -> None:
    video = library.video(duration=20.0, interval=0.5)
    ada, eve = library.person("Ada"), library.person()
    library.track(video, eve, [0.0, 0.5, 1.0, 1.5])
    library.track(video, ada, [3.0, 3.5])
    library.track(video, ada, [19.8])
    library.track(video, None, [7.0])
    library.track(video, None, [8.0], usable=False)
    view = views.video_detail(context, video)
    assert [(lane.person.id, lane.face_count) for lane in view.lanes] == [(eve, 4), (ada, 3)]
    assert view.lanes[1].intervals == (Interval(3.0, 4.0), Interval(19.8, 20.0))
    assert view.lanes[1].seconds == pytest.approx(1.2)
    assert [moment.start for moment in view.lanes[1].moments] == [3.0, 19.8]
    assert ([row.start for row in view.unknown], [row.start for row in view.poor]) == ([7.0], [8.0])
    assert view.fresh == []
    assert view.duration == 20.0


def test_screen_time_of_the_list_agrees_with_the_lanes(context: Context, library: Library) -> None:
    video = library.video(duration=20.0, interval=0.5)
    ada = library.person()
    library.track(video, ada, [3.0, 3.5])
    library.track(video, ada, [19.8])
    library.track(video, ada, [21.0, 21.5])  # past what the container claims
    listed = views.list_people(context, Page()).people[0].seconds
    assert listed == pytest.approx(views.video_detail(context, video).lanes[0].seconds)


def test_a_running_video_shows_what_was_just_found(context: Context, library: Library) -> None:
    video = library.video(state=JobState.RUNNING, duration=None)
    library.track(video, None, [1.0, 2.0, 3.0], linked=False)
    view = views.video_detail(context, video)
    assert [face.timestamp for face in view.fresh] == [3.0, 2.0, 1.0]
    assert view.duration == 0.0


def test_person_detail(context: Context, library: Library) -> None:
    ada = library.person("Ada")
    videos = [library.video(f"v{number}", duration=10.0) for number in range(3)]
    for video in videos:
        library.track(video, ada, [1.0, 2.0])
        library.track(video, library.person(), [1.0])
    view = views.person_detail(context, ada, Page(1, 2))
    assert [item.video.id for item in view.appearances] == [videos[2], videos[1]]
    assert (view.page, view.pages) == (1, 2)
    assert view.appearances[0].intervals == (Interval(1.0, 3.0),)
    assert view.person.seconds == 6.0
    last = views.person_detail(context, ada, Page(2, 2))
    assert [item.video.id for item in last.appearances] == [videos[0]]


@pytest.mark.parametrize(
    ("order", "only", "names"),
    [
        ("seen", "all", [None, "Zoe", "ada"]),
        ("newest", "all", ["ada", None, "Zoe"]),
        ("name", "all", ["ada", "Zoe", None]),
        ("seen", "named", ["Zoe", "ada"]),
        ("seen", "unnamed", [None]),
    ],
)
def test_people_are_sorted_and_filtered(
    context: Context, library: Library, order: str, only: str, names: list[str | None]
) -> None:
    video = library.video()
    for name, faces in (("Zoe", 2), (None, 3), ("ada", 1)):
        library.track(video, library.person(name), [float(second) for second in range(faces)])
    found = views.list_people(context, Page(), order=order, only=only)
    assert [person.name for person in found.people] == names
    assert found.total == len(names)


def test_clusters(context: Context, library: Library) -> None:
    video = library.video()
    people = [library.person(), library.person()]
    library.track(video, people[0], [1.0, 2.0, 3.0], quality=0.2)
    best = library.track(video, people[0], [9.0], quality=0.9)
    library.track(video, people[1], [1.0])
    library.track(video, None, [30.0])
    view = views.clusters_view(context, Page(1, 1), faces_per_person=2)
    assert (view.total, view.pages, view.faces, view.unassigned) == (2, 2, 6, 1)
    assert [cluster.person.id for cluster in view.clusters] == [people[0]]
    assert view.clusters[0].faces[0].id == best[0]
    assert len(view.clusters[0].faces) == 2


def test_jobs_page(context: Context, library: Library) -> None:
    waiting = [library.job(created_at=ago(minutes=number)) for number in (1, 3)]
    library.job(state=JobState.RUNNING)
    library.job(state=JobState.FAILED)
    library.job(state=JobState.SUCCEEDED)
    library.job(state=JobState.CANCELLED)
    whole = library.job(state=JobState.PAUSED)
    library.job(parent_id=whole)
    view = views.jobs_page(context, JobFilter())
    assert [(section.name, section.count, len(section.jobs)) for section in view.sections] == [
        ("running", 1, 1),
        ("waiting", 2, 2),
        ("paused", 1, 1),
        ("failed", 1, 1),
        ("done", 2, 2),
    ]
    assert [job.id for job in view.sections[1].jobs] == waiting[::-1], "whose turn comes first"
    assert [section.name for section in views.jobs_page(context, JobFilter(), only="failed").sections] == ["failed"]


@pytest.mark.parametrize("ask", [views.video_detail, views.video_row], ids=["detail", "row"])
def test_no_such_video(context: Context, ask: object) -> None:
    with pytest.raises(NotFoundError):
        ask(context, 5)


def test_no_such_person_or_job(context: Context) -> None:
    with pytest.raises(NotFoundError):
        views.person_detail(context, 5, Page())
    with pytest.raises(NotFoundError):
        views.job(context, "nope")
