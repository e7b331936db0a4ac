from __future__ import annotations

import pytest

from app.domain import MediaKind
from app.errors import NotFoundError
from app.models import Face, Person
from app.services.context import Context
from app.services.relations import companions, together_graph
from app.storage.views.relations import Where
from tests.alike import Crowd
from tests.library import Library, ago


@pytest.fixture
def people(crowd: Crowd) -> dict[str, int]:
    """Ada with Bob at the same time, with Cleo in one video, with Dora never."""
    library = crowd.library
    found = {name: library.person(name) for name in ("Ada", "Bob", "Cleo", "Dora")}
    first = library.video(duration=60.0, interval=1.0)
    library.track(first, found["Ada"], [0.0, 1.0, 2.0, 3.0])
    library.track(first, found["Bob"], [2.0, 3.0, 4.0])
    library.track(first, found["Cleo"], [20.0])
    second = library.video(duration=60.0, interval=1.0)
    library.track(second, found["Ada"], [0.0, 1.0])
    library.track(second, found["Bob"], [0.5, 1.0])
    library.track(library.video(), found["Dora"], [0.0])
    return found


def seen_with(context: Context, person: int, **options: object) -> list[tuple[str | None, int, float, int]]:
    return [
        (one.person.name, one.together.videos, one.together.seconds, one.together.frames)
        for one in companions(context, person, **options)
    ]


def test_seen_with(context: Context, people: dict[str, int]) -> None:
    # 2..4 s in the first video, each face standing for a second; 0.5..2 s in the second
    assert seen_with(context, people["Ada"]) == [("Bob", 2, pytest.approx(3.5), 3), ("Cleo", 1, 0.0, 0)]
    assert seen_with(context, people["Bob"])[0] == ("Ada", 2, pytest.approx(3.5), 3)
    assert seen_with(context, people["Dora"]) == []
    assert seen_with(context, people["Ada"], limit=1) == [("Bob", 2, pytest.approx(3.5), 3)]


def test_only_where_it_is_asked_for(context: Context, crowd: Crowd, people: dict[str, int]) -> None:
    assert seen_with(context, people["Ada"], where=Where(video_id=2)) == [("Bob", 1, 1.5, 1)]
    assert seen_with(context, people["Ada"], where=Where(since=ago(hours=1), until=ago(minutes=1))) == []
    assert len(seen_with(context, people["Ada"], where=Where(since=ago(hours=1)))) == 2


def test_hidden_people_and_faces_that_are_none_do_not_count(context: Context, people: dict[str, int]) -> None:
    with context.database.write() as session:
        session.get_one(Person, people["Cleo"]).hidden = True
        for face in session.query(Face).where(Face.person_id == people["Bob"], Face.timestamp == 3.0):
            face.dismissed = True
    assert seen_with(context, people["Ada"]) == [("Bob", 2, pytest.approx(3.5), 2)]
    assert [person.name for person in together_graph(context).people] == ["Ada", "Bob", "Dora"]
    assert [one[0] for one in seen_with(context, people["Cleo"])] == ["Ada", "Bob"], "asked about, they are shown"


def test_in_pictures_frames_count_and_time_does_not(context: Context, crowd: Crowd) -> None:
    library = crowd.library
    ada, bob = library.person("Ada"), library.person("Bob")
    pictures = library.video(media_kind=MediaKind.PICTURES, duration=None)
    for number in (0.0, 1.0):
        library.track(pictures, ada, [number])
    library.track(pictures, bob, [1.0])
    assert seen_with(context, ada) == [("Bob", 1, 0.0, 1)]


def test_the_graph(context: Context, people: dict[str, int]) -> None:
    graph = together_graph(context)
    assert [person.name for person in graph.people] == ["Ada", "Bob", "Cleo", "Dora"]
    edges = [(edge.one, edge.other, edge.together.frames, edge.together.videos) for edge in graph.edges]
    ada, bob, cleo = people["Ada"], people["Bob"], people["Cleo"]
    assert edges == [(ada, bob, 3, 2), (ada, cleo, 0, 1), (bob, cleo, 0, 1)]
    assert graph.edges[0].together.seconds == pytest.approx(3.5)
    assert len(together_graph(context, nodes=2).people) == 2
    assert len(together_graph(context, edges=1).edges) == 1


def test_by_what_they_are_ordered(context: Context, crowd: Crowd) -> None:
    library = crowd.library
    ada, often, long = library.person("Ada"), library.person("often"), library.person("long")
    for _ in range(2):
        video = library.video(duration=60.0, interval=1.0)
        library.track(video, ada, [0.0])
        library.track(video, often, [0.0])
    video = library.video(duration=60.0, interval=1.0)
    library.track(video, ada, [10.0, 20.0])
    library.track(video, long, [10.5, 20.5])
    for weight, first in (("frames", "often"), ("videos", "often"), ("seconds", "long")):
        assert seen_with(context, ada, weight=weight)[0][0] == first


def test_nobody(context: Context) -> None:
    assert together_graph(context).edges == []
    with pytest.raises(NotFoundError):
        companions(context, 5)


def test_a_library_without_anybody_together(context: Context, crowd: Crowd) -> None:
    lonely = Library.person(crowd.library, "Lonely")
    assert companions(context, lonely) == []
