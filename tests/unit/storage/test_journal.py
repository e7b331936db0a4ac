"""Events: what they remember, and what undoing one leaves alone."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.domain import RuleKind, RunState
from app.models import ClusteringRun, Face, LinkRule, Person, PersonEvent, PersonEventPerson, Track
from app.storage import people
from app.storage.database import Database
from app.storage.journal import Journal, undo
from tests.unit.storage.rows import make_tracked_video


@pytest.fixture
def library(database: Database) -> tuple[Database, list[int], int, int]:
    """Four tracks; the first two are Ada's, the others Bob's."""
    with database.write() as session:
        _, tracks = make_tracked_video(session, [[(0, 0)], [(1, 0)], [(2, 0)], [(3, 0)]])
        ada, bob = people.add(session, "Ada").id, people.add(session, "Bob").id
        journal = Journal(session, "setup", "Set up")
        journal.set_many(Track, "person_id", dict(zip(tracks, (ada, ada, bob, bob), strict=True)))
        journal.close()
    return database, tracks, ada, bob


def whose(database: Database, tracks: list[int]) -> list[int | None]:
    with database.session() as session:
        return [session.get_one(Track, track).person_id for track in tracks]


def edit(database: Database, change) -> int:
    with database.write() as session:
        journal = Journal(session, "edit", "Edited")
        change(journal)
        event = journal.close()
        assert event is not None
        return event.id


def take_back(database: Database, event: int) -> tuple[int, int]:
    with database.write() as session:
        done = undo(session, session.get_one(PersonEvent, event))
        return done.restored, done.kept


def test_a_merge_is_undone_with_the_person_their_rules_and_their_name(library) -> None:
    database, tracks, ada, bob = library

    def rule(journal: Journal) -> None:
        journal.add(LinkRule(kind=RuleKind.DIFFERENT, track_id=tracks[0], person_id=bob))

    def merge(journal: Journal) -> None:
        journal.set_many(Track, "person_id", dict.fromkeys(tracks, ada))
        journal.remove(journal.session.get_one(Person, bob))

    edit(database, rule)
    event = edit(database, merge)
    assert whose(database, tracks) == [ada] * 4
    with database.session() as session:
        assert session.get(Person, bob) is None
        assert session.scalars(select(LinkRule)).all() == []
    assert take_back(database, event) == (4, 0)
    assert whose(database, tracks) == [ada, ada, bob, bob]
    with database.session() as session:
        assert session.get_one(Person, bob).name == "Bob"
        assert session.scalars(select(LinkRule)).one().person_id == bob


def test_undoing_an_old_event_keeps_newer_edits(library) -> None:
    database, tracks, ada, bob = library
    old = edit(database, lambda journal: journal.set_many(Track, "person_id", {tracks[0]: bob, tracks[1]: bob}))
    edit(database, lambda journal: journal.set_many(Track, "person_id", {tracks[1]: None}))
    edit(database, lambda journal: journal.set(journal.session.get_one(Person, ada), name="Ada Lovelace"))
    assert take_back(database, old) == (1, 1)
    assert whose(database, tracks) == [ada, None, bob, bob]
    with database.session() as session:
        assert session.get_one(Person, ada).name == "Ada Lovelace"


def test_an_undoing_can_be_undone(library) -> None:
    database, tracks, ada, bob = library
    event = edit(database, lambda journal: journal.set_many(Track, "person_id", {tracks[0]: bob}))
    take_back(database, event)
    with database.session() as session:
        first = session.get_one(PersonEvent, event)
        again = session.scalars(select(PersonEvent).where(PersonEvent.undo_of == event)).one()
        assert first.undone_at is not None
        assert again.summary == "Undid: Edited"
    take_back(database, again.id)
    assert whose(database, tracks) == [bob, ada, bob, bob]
    with database.session() as session:
        assert session.get_one(PersonEvent, event).undone_at is None


def test_a_new_person_goes_with_the_event_unless_somebody_has_moved_in(library) -> None:
    database, tracks, ada, _ = library
    made: list[int] = []

    def split(journal: Journal) -> None:
        person = Person(name=None)
        journal.add(person)
        made.append(person.id)
        journal.set_many(Track, "person_id", {tracks[0]: person.id})

    first, second = edit(database, split), edit(database, split)
    edit(database, lambda journal: journal.set_many(Track, "person_id", {tracks[2]: made[0]}))
    assert take_back(database, second) == (2, 0)
    assert take_back(database, first) == (1, 1)
    assert whose(database, tracks[:3]) == [ada, ada, made[0]]
    with database.session() as session:
        assert session.get(Person, made[1]) is None


def test_who_an_event_is_about_and_their_revisions(library) -> None:
    database, tracks, ada, bob = library
    with database.session() as session:
        before = [session.get_one(Person, who).revision for who in (ada, bob)]
    event = edit(database, lambda journal: journal.set_many(Track, "person_id", {tracks[0]: bob}))
    with database.session() as session:
        about = select(PersonEventPerson.person_id).where(PersonEventPerson.event_id == event)
        assert sorted(session.scalars(about)) == [ada, bob]
        assert [session.get_one(Person, who).revision for who in (ada, bob)] == [before[0] + 1, before[1] + 1]


def test_what_changes_nothing_is_no_event(library) -> None:
    database, tracks, ada, _ = library
    with database.write() as session:
        journal = Journal(session, "edit", "Edited")
        journal.set_many(Track, "person_id", {tracks[0]: ada, 10**6: ada})
        journal.set(session.get_one(Person, ada), name="Ada")
        assert journal.close() is None


def test_faces_follow_their_tracks_by_themselves(library) -> None:
    database, tracks, _, bob = library
    edit(database, lambda journal: journal.set_many(Track, "person_id", {tracks[0]: bob, tracks[3]: None}))
    with database.session() as session:
        faces = dict(session.execute(select(Face.track_id, Face.person_id)).all())
    assert [faces[track] for track in tracks][0::3] == [bob, None]


def test_a_newer_word_about_a_track_outlives_the_undoing_of_an_older_one(library) -> None:
    """That a track is confirmed belongs to whose it is: both go back, or none."""
    database, tracks, ada, bob = library

    def confirm_as(person: int):
        def change(journal: Journal) -> None:
            journal.set_many(Track, "person_id", {tracks[0]: person})
            journal.set_many(Track, "confirmed", {tracks[0]: True})

        return change

    old = edit(database, confirm_as(bob))
    edit(database, confirm_as(ada))
    assert take_back(database, old) == (0, 2)
    grouping = edit(database, lambda journal: journal.set_many(Track, "person_id", {tracks[2]: ada}))
    edit(database, lambda journal: journal.set_many(Track, "confirmed", {tracks[2]: True}))
    assert take_back(database, grouping) == (0, 1)
    with database.session() as session:
        assert [session.get_one(Track, tracks[n]).confirmed for n in (0, 2)] == [True, True]
    assert whose(database, tracks) == [ada, ada, ada, bob]


def test_a_field_that_changes_twice_goes_back_to_its_first_value(library) -> None:
    database, tracks, ada, bob = library

    def change(journal: Journal) -> None:
        journal.set_many(Track, "person_id", {tracks[0]: bob})
        journal.remove(journal.session.get_one(Person, bob))

    event = edit(database, change)
    assert whose(database, tracks) == [None, ada, None, None]
    assert take_back(database, event) == (4, 0)
    assert whose(database, tracks) == [ada, ada, bob, bob]


def test_a_track_whose_faces_are_none_comes_back_with_them(library) -> None:
    database, tracks, ada, _ = library

    def dismiss(journal: Journal) -> None:
        track = journal.session.get_one(Track, tracks[0])
        journal.set_many(Face, "dismissed", {track.best_face_id: True})
        journal.remove(track)

    def state() -> list[object]:
        with database.session() as session:
            face = session.scalars(select(Face).where(Face.sample == 0)).one()
            return [face.dismissed, face.track_id, face.person_id, session.get(Track, tracks[0]) is not None]

    with database.session() as session:
        vector = session.get_one(Track, tracks[0]).embedding
    event = edit(database, dismiss)
    assert state() == [True, None, None, False]
    assert take_back(database, event)[1] == 0
    assert state() == [False, tracks[0], ada, True]
    with database.session() as session:
        assert session.get_one(Track, tracks[0]).embedding == vector
        again = session.scalars(select(PersonEvent).where(PersonEvent.undo_of == event)).one().id
    assert take_back(database, again)[1] == 0
    assert state() == [True, None, None, False]


def test_undoing_a_grouping_tells_its_run(library) -> None:
    database, tracks, _, bob = library
    event = edit(database, lambda journal: journal.set_many(Track, "person_id", {tracks[0]: bob}))
    with database.write() as session:
        session.add(ClusteringRun(state=RunState.APPLIED, event_id=event))
    take_back(database, event)
    with database.session() as session:
        assert session.scalars(select(ClusteringRun.state)).one() is RunState.UNDONE
        again = session.scalars(select(PersonEvent).where(PersonEvent.undo_of == event)).one().id
    take_back(database, again)
    with database.session() as session:
        assert session.scalars(select(ClusteringRun.state)).one() is RunState.APPLIED
