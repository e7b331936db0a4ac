"""What users decided holds through later groupings of the whole library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from app.models import Face
from app.services.context import Context
from app.services.grouping import cluster_library
from app.services.people import (
    Chosen,
    Facts,
    Leaving,
    delete_person,
    dismiss_faces,
    edit_person,
    merge_people,
    move_faces,
    remove_faces,
    say_different,
    split_person,
    undo_event,
)
from tests.library import Library, make_context
from tests.unit.services.people.conftest import World


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = make_context(tmp_path)
    yield made
    made.database.dispose()


@pytest.fixture
def world(context: Context) -> World:
    return World(context, Library(context))


def regroup(context: Context) -> None:
    cluster_library(context)


def test_two_looks_that_were_merged_stay_one(world: World, context: Context) -> None:
    ada, bob = world.library.person("Ada"), world.library.person()
    ones = [world.track(world.library.video(), ada, [1.0, 2.0], looks=1) for _ in range(3)]
    twos = [world.track(world.library.video(), bob, [1.0, 2.0], looks=2) for _ in range(3)]
    merged = merge_people(context, ada, [bob]).event_id
    regroup(context)
    assert world.whose(*ones, *twos) == [ada] * 6
    undo_event(context, merged or 0)
    regroup(context)
    assert world.whose(*ones, *twos) == [ada] * 3 + [bob] * 3


def test_look_alikes_that_were_split_stay_two(world: World, context: Context) -> None:
    ada = world.library.person("Ada")
    tracks = [world.track(world.library.video(), ada, [1.0, 2.0], looks=1) for _ in range(5)]
    new = set(split_person(context, ada, [Leaving(tracks[3:])]).people) - {ada}
    regroup(context)
    assert world.whose(*tracks) == [ada] * 3 + [*new] * 2


def test_different_people_who_look_alike_stay_two(world: World, context: Context) -> None:
    ada, bob = world.library.person(), world.library.person()
    tracks = [world.track(world.library.video(), who, [1.0, 2.0], looks=1) for who in (ada, bob)]
    say_different(context, [ada, bob])
    regroup(context)
    assert world.whose(*tracks) == [ada, bob]


def test_what_was_moved_or_removed_does_not_come_back(world: World, context: Context) -> None:
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    hers = [world.track(world.library.video(), ada, [1.0, 2.0], looks=1) for _ in range(4)]
    his = world.track(world.library.video(), bob, [1.0], looks=2)
    move_faces(context, Chosen(tracks=[hers[0]]), bob)
    remove_faces(context, Chosen(faces=world.faces(hers[1])[:1]))
    regroup(context)
    assert world.whose(hers[0], his, *hers[1:]) == [bob, bob, ada, ada, ada]
    with context.database.session() as session:
        (face,) = session.scalars(select(Face).where(Face.person_id.is_distinct_from(ada), Face.video_id == 2))
        assert face.person_id != bob


def test_no_faces_stay_out_and_hidden_people_stay_hidden(world: World, context: Context) -> None:
    ada = world.library.person()
    tracks = [world.track(world.library.video(), ada, [1.0, 2.0], looks=1) for _ in range(3)]
    gone = world.faces(tracks[0])
    dismiss_faces(context, Chosen(faces=gone))
    edit_person(context, ada, Facts(ignored=True))
    regroup(context)
    assert world.whose(*tracks[1:]) == [ada, ada]
    person = world.person(ada)
    assert person is not None and person.ignored
    with context.database.session() as session:
        assert [session.get_one(Face, face).person_id for face in gone] == [None, None]


def test_who_was_deleted_may_be_found_anew_and_comes_back_undone(world: World, context: Context) -> None:
    ada = world.library.person("Ada")
    tracks = [world.track(world.library.video(), ada, [1.0, 2.0], looks=1) for _ in range(2)]
    deleted = delete_person(context, ada).event_id
    regroup(context)
    (new,) = set(world.whose(*tracks))
    assert new not in (None, ada)
    undone = undo_event(context, deleted or 0)
    person = world.person(ada)
    assert person is not None and person.name == "Ada"
    assert (undone.kept, world.whose(*tracks)) == (2, [new, new]), "the grouping is newer"
