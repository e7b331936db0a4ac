"""Several users, and a worker, change who is who at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable

from app.errors import AppError
from app.services.context import Context
from app.services.people import (
    Chosen,
    Facts,
    delete_person,
    edit_person,
    list_events,
    merge_people,
    move_faces,
    undo_event,
)
from tests.unit.services.people.conftest import World


def at_once(*edits: Callable[[], object]) -> list[AppError | None]:
    """Does all of them at the same moment; our errors are given back, others fail the test."""
    start = threading.Barrier(len(edits))
    told: dict[int, AppError | BaseException | None] = {}

    def run(place: int) -> None:
        start.wait(20)
        try:
            edits[place]()
            told[place] = None
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            told[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(edits))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    result: list[AppError | None] = []
    for place in range(len(edits)):
        error = told[place]
        if error is not None and not isinstance(error, AppError):
            raise error
        result.append(error)
    return result


def test_edits_of_different_facts_all_count(world: World, context: Context) -> None:
    ada = world.library.person("Ada")
    facts = (Facts(name="Ada Lovelace"), Facts(notes="First"), Facts(favourite=True), Facts(birth_date="1815-12-10"))
    assert at_once(*(lambda one=one: edit_person(context, ada, one) for one in facts)) == [None] * 4  # type: ignore[misc]
    person = world.person(ada)
    assert person is not None
    assert (person.name, person.notes, person.favourite, person.birth_date) == (
        "Ada Lovelace",
        "First",
        True,
        "1815-12-10",
    )
    assert person.revision == 5


def test_people_who_are_merged_crosswise_are_one_in_the_end(world: World, context: Context) -> None:
    video = world.library.video()
    people = [world.library.person(name) for name in ("Ada", "Bob", "Eve")]
    tracks = [world.track(video, who, [10.0 * who]) for who in people]
    ada, bob, eve = people
    told = at_once(
        lambda: merge_people(context, ada, [bob]),
        lambda: merge_people(context, bob, [eve]),
        lambda: merge_people(context, eve, [ada]),
    )
    assert [error is None or error.code == "not_found" for error in told] == [True] * 3
    done = sum(error is None for error in told)
    assert done >= 1
    assert len(set(world.whose(*tracks))) == 3 - done
    assert None not in world.whose(*tracks)


def test_an_edit_and_its_undoing_by_two_leave_nothing_half_done(world: World, context: Context) -> None:
    video = world.library.video()
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    track = world.track(video, ada, [1.0, 2.0, 3.0])
    faces = world.faces(track)
    event = edit_person(context, ada, Facts(name="Ada Lovelace")).event_id or 0
    told = at_once(
        lambda: move_faces(context, Chosen(faces=faces[:1]), bob),
        lambda: move_faces(context, Chosen(faces=faces[:2]), None),
        lambda: undo_event(context, event),
        lambda: undo_event(context, event),
        lambda: delete_person(context, ada),
    )
    assert [error.code for error in told[2:4] if error] == ["conflict"], "one of two undoes it"
    state = world.state()
    for change in list_events(context).events:
        if change.undo_of is None and change.undone_at is None:
            undo_event(context, change.id)
    after = world.state()["faces"]
    assert isinstance(after, dict)
    assert {person for person, _, _ in after.values()} == {ada}, state
