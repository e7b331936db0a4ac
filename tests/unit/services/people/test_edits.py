"""What users do to people: each edit does what it says, is one event, and can be undone."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select

from app.errors import ConflictError, InvalidInputError, NotFoundError, OutdatedError
from app.models import Face, Person, Track
from app.services.context import Context
from app.services.people import (
    Chosen,
    Facts,
    Leaving,
    confirm_faces,
    delete_person,
    dismiss_faces,
    edit_person,
    list_events,
    merge_people,
    move_faces,
    propose_split,
    remove_faces,
    rename_person,
    say_different,
    split_person,
    undo_event,
)
from tests.unit.services.people.conftest import World


def test_facts_are_cleaned_and_undone(world: World, context: Context) -> None:
    ada = world.library.person("Ada")
    before = world.state()
    done = edit_person(
        context,
        ada,
        Facts(
            name="  Ada   Lovelace ",
            aliases=["Countess", " countess ", "ada lovelace", "A. A. L."],
            notes=" One\r\nTwo ",
            birth_date="1815-12-10",
            favourite=True,
        ),
    )
    person = world.person(ada)
    assert person is not None
    assert (person.name, person.aliases) == ("Ada Lovelace", ["Countess", "A. A. L."])
    assert (person.notes, person.birth_date, person.favourite) == ("One\nTwo", "1815-12-10", True)
    assert done.summary == "Changed name, other names, notes, birth date, favourite of Ada"
    assert done.event_id is not None
    undo_event(context, done.event_id)
    assert world.state() == before


WRONG_FACTS = [
    Facts(name="a\x00b"),
    Facts(aliases=["x" * 201]),
    Facts(aliases=[str(number) for number in range(51)]),
    Facts(notes="a\x1bb"),
    Facts(notes="x" * 20_001),
    Facts(birth_date="10 December 1815"),
    Facts(birth_date="2999-01-01"),
    Facts(birth_date="1815-02-30"),
    Facts(cover_face_id=10**6),
]


def test_facts_that_cannot_be_are_refused_and_nothing_changes(world: World, context: Context) -> None:
    ada = world.library.person("Ada")
    before = world.state()
    for facts in WRONG_FACTS:
        with pytest.raises(InvalidInputError):
            edit_person(context, ada, Facts(**{"favourite": True, **facts.given}))
        assert world.state() == before, facts
    assert list_events(context).events == []


def test_a_rename_tells_who_has_the_name_already(world: World, context: Context) -> None:
    person, other, third = (world.library.person(name) for name in (None, "ЖЕНЯ", "Somebody"))
    edit_person(context, third, Facts(aliases=["женя"]))
    done = edit_person(context, person, Facts(name="Женя"))
    assert done.same_name == [other, third]
    assert done.summary == f"Named Person {person} Женя"
    assert edit_person(context, person, Facts(name="Женя")).event_id is None, "nothing changed"
    assert rename_person(context, person, None).name is None


def test_a_chosen_cover_stays_until_its_face_leaves_and_comes_back_with_it(world: World, context: Context) -> None:
    video, ada = world.library.video(), world.library.person("Ada")
    best = world.track(video, ada, [1.0, 2.0], quality=0.9)
    other = world.track(video, ada, [5.0], quality=0.5)
    chosen = world.faces(other)[0]
    edit_person(context, ada, Facts(cover_face_id=chosen))
    gone = move_faces(context, Chosen(tracks=[other]), None)
    person = world.person(ada)
    assert person is not None and (person.cover_chosen, person.cover_face_id) == (False, world.faces(best)[0])
    assert gone.event_id is not None
    undo_event(context, gone.event_id)
    person = world.person(ada)
    assert person is not None and (person.cover_chosen, person.cover_face_id) == (True, chosen)


def test_a_merge_keeps_all_names_and_is_undone(world: World, context: Context) -> None:
    first, second = world.library.video("first"), world.library.video("second")
    ada, bob, eve = (world.library.person(name) for name in (None, "Ada", "Countess"))
    tracks = [
        world.track(first, ada, [1.0]),
        world.track(second, bob, [1.0], usable=False),
        world.track(second, eve, [9.0]),
    ]
    edit_person(context, eve, Facts(notes="Born in London", birth_date="1815-12-10", aliases=["Augusta"]))
    say_different(context, [bob, eve])
    before = world.state()
    done = merge_people(context, ada, [bob, eve, ada])
    assert world.whose(*tracks) == [ada] * 3
    assert world.confirmed(*tracks) == [True, False, True], "a poor track decides nothing"
    person = world.person(ada)
    assert person is not None
    assert (person.name, person.aliases) == ("Ada", ["Countess", "Augusta"])
    assert (person.notes, person.birth_date) == ("Born in London", "1815-12-10")
    assert world.rules() == [], "the newest word counts"
    assert (done.people, done.gone, done.notes) == ([ada], [bob, eve], [])
    assert done.summary == f"Merged Ada and Countess into Person {ada}"
    assert done.event_id is not None
    undone = undo_event(context, done.event_id)
    assert (undone.kept, undone.people) == (0, [ada, bob, eve])
    assert world.state() == before


def test_a_merge_takes_the_name_and_the_picture_that_were_asked_for(world: World, context: Context) -> None:
    video = world.library.video()
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    world.track(video, ada, [1.0])
    theirs = world.faces(world.track(video, bob, [5.0]))[0]
    with pytest.raises(InvalidInputError):
        merge_people(context, ada, [bob], cover_face_id=10**6)
    merge_people(context, ada, [bob], name="Adabob", cover_face_id=theirs)
    person = world.person(ada)
    assert person is not None
    assert (person.name, person.aliases, person.cover_face_id) == ("Adabob", ["Ada", "Bob"], theirs)


def test_a_merge_of_people_who_stand_side_by_side_says_so(world: World, context: Context) -> None:
    video = world.library.video("Wedding")
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    world.track(video, ada, [1.0])
    world.track(video, bob, [1.0])
    assert "“Wedding”" in merge_people(context, ada, [bob]).notes[0]


def test_rules_about_somebody_who_is_merged_are_about_who_stays(world: World, context: Context) -> None:
    video = world.library.video()
    ada, bob, eve = (world.library.person(name) for name in ("Ada", "Bob", "Eve"))
    track = world.track(video, bob, [1.0])
    world.track(video, bob, [2.0])
    move_faces(context, Chosen(tracks=[track]), eve)
    say_different(context, [bob, eve])
    merge_people(context, ada, [bob])
    assert world.rules() == [("different", track, None, ada, None), ("different", None, None, ada, eve)]


def test_moved_faces_leave_their_track(world: World, context: Context) -> None:
    video = world.library.video()
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    track = world.track(video, ada, [1.0, 2.0, 3.0, 4.0])
    faces = world.faces(track)
    before = world.state()
    done = move_faces(context, Chosen(faces=faces[1:3]), bob)
    with context.database.session() as session:
        stored = {face.id: face for face in session.scalars(select(Face))}
        part = session.get_one(Track, stored[faces[1]].track_id)
        rest = session.get_one(Track, track)
    assert [stored[face].person_id for face in faces] == [ada, bob, bob, ada]
    assert (part.start, part.end, part.face_count, part.confirmed, part.person_id) == (2.0, 3.0, 2, True, bob)
    assert part.best_face_id in faces[1:3]
    assert (rest.start, rest.end, rest.face_count, rest.confirmed) == (1.0, 4.0, 2, False)
    assert rest.best_face_id in (faces[0], faces[3])
    assert world.rules() == [("different", part.id, None, ada, None)]
    assert (done.summary, done.person_id) == ("Moved 2 faces to Bob", bob)
    assert done.event_id is not None
    undo_event(context, done.event_id)
    assert world.state() == before, "the cut stays, but both parts are Ada's"


def test_moving_all_faces_of_somebody_unnamed_leaves_nobody(world: World, context: Context) -> None:
    video = world.library.video()
    nobody, bob = world.library.person(), world.library.person("Bob")
    track = world.track(video, nobody, [1.0])
    before = world.state()
    done = move_faces(context, Chosen(tracks=[track]), bob)
    assert (world.person(nobody), world.rules(), done.gone) == (None, [], [nobody])
    assert done.event_id is not None
    undo_event(context, done.event_id)
    assert world.state() == before


def test_moving_back_withdraws_what_was_said(world: World, context: Context) -> None:
    video = world.library.video()
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    track = world.track(video, ada, [1.0])
    move_faces(context, Chosen(tracks=[track]), bob)
    move_faces(context, Chosen(tracks=[track]), ada)
    assert world.rules() == [("different", track, None, bob, None)]


def test_a_new_person_of_faces(world: World, context: Context) -> None:
    video, ada = world.library.video(), world.library.person("Ada")
    track = world.track(video, ada, [1.0, 2.0])
    done = move_faces(context, Chosen(faces=world.faces(track)[:1]), None, name="ada")
    assert done.person_id is not None and done.same_name == [ada]
    person = world.person(done.person_id)
    assert person is not None and (person.name, person.cover_face_id) == ("ada", world.faces(track)[0] - 1)


def test_not_this_person(world: World, context: Context) -> None:
    video, ada = world.library.video(), world.library.person("Ada")
    track, other = world.track(video, ada, [1.0]), world.track(video, ada, [5.0])
    confirm_faces(context, ada, Chosen(tracks=[track, other]))
    before = world.state()
    done = remove_faces(context, Chosen(tracks=[track]))
    assert (world.whose(track, other), world.confirmed(track, other)) == ([None, ada], [False, True])
    assert world.rules() == [("different", track, None, ada, None)]
    assert done.summary == "Removed 1 face from Ada"
    assert remove_faces(context, Chosen(tracks=[track])).event_id is None
    assert done.event_id is not None
    undo_event(context, done.event_id)
    assert world.state() == before


def test_confirming_a_face_confirms_its_track(world: World, context: Context) -> None:
    video = world.library.video()
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    track = world.track(video, ada, [1.0, 2.0])
    assert confirm_faces(context, ada, Chosen(faces=world.faces(track)[:1])).summary == "Confirmed 2 faces of Ada"
    assert (world.confirmed(track), len(world.faces(track))) == ([True], 2)
    with pytest.raises(InvalidInputError):
        confirm_faces(context, bob, Chosen(tracks=[track]))


def test_what_is_no_face_leaves_track_and_person_and_comes_back(world: World, context: Context) -> None:
    video, nobody = world.library.video(), world.library.person()
    track, poor = world.track(video, nobody, [1.0, 2.0]), world.track(video, nobody, [7.0], usable=False)
    faces = world.faces(track)
    before = world.state()
    events = [dismiss_faces(context, Chosen(faces=[faces[0]])).event_id]
    with context.database.session() as session:
        gone, rest = session.get_one(Face, faces[0]), session.get_one(Track, track)
        assert (gone.dismissed, gone.track_id, gone.person_id, rest.face_count) == (True, None, None, 1)
        assert rest.best_face_id == faces[1]
        assert session.get_one(Person, nobody).cover_face_id == faces[1]
    with pytest.raises(ConflictError):
        move_faces(context, Chosen(faces=[faces[0]]), None)
    events.append(dismiss_faces(context, Chosen(faces=[faces[1]], tracks=[poor])).event_id)
    assert world.person(nobody) is None
    with context.database.session() as session:
        assert session.scalars(select(Track)).all() == []
    for done in reversed(events):
        assert done is not None
        assert undo_event(context, done).kept == 0
    after = world.state()
    assert after["faces"] == before["faces"]
    assert after["confirmed"] == before["confirmed"]


def test_a_deleted_person_is_dissolved_and_comes_back(world: World, context: Context) -> None:
    video, ada = world.library.video(), world.library.person("Ada")
    tracks = [world.track(video, ada, [1.0]), world.track(video, ada, [5.0])]
    confirm_faces(context, ada, Chosen(tracks=tracks))
    say_different(context, [ada, world.library.person("Bob")])
    before = world.state()
    done = delete_person(context, ada)
    assert (world.person(ada), world.whose(*tracks), world.confirmed(*tracks)) == (None, [None] * 2, [False] * 2)
    assert done.event_id is not None
    undo_event(context, done.event_id)
    assert world.state() == before


def test_people_who_are_different(world: World, context: Context) -> None:
    people = [world.library.person(name) for name in ("Ada", "Bob", "Eve")]
    done = say_different(context, [people[1], people[0]])
    assert done.summary == "Said that Bob and Ada are different people"
    assert world.rules() == [("different", None, None, people[0], people[1])]
    say_different(context, people)
    assert len(world.rules()) == 3
    assert say_different(context, people).event_id is None
    with pytest.raises(InvalidInputError):
        say_different(context, [people[0], people[0]])


def test_a_mixed_group_is_proposed_in_parts_and_taken_apart(world: World, context: Context) -> None:
    videos, mixed = [world.library.video() for _ in range(3)], world.library.person("Mixed")
    ones = [world.track(video, mixed, [1.0, 2.0], looks=1) for video in videos]
    twos = [world.track(video, mixed, [8.0], looks=2) for video in videos[:2]]
    poor = world.track(videos[2], mixed, [20.0], looks=2, usable=False)
    strange = world.track(videos[2], mixed, [25.0], looks=5, usable=False)
    proposal = propose_split(context, mixed)
    assert [sorted(part.tracks) for part in proposal.parts] == [ones, [*twos, poor]]
    assert proposal.rest is not None and proposal.rest.tracks == [strange]
    assert [(part.face_count, part.video_count) for part in proposal.parts] == [(6, 3), (3, 3)]
    assert proposal.parts[1].samples[0].track_id in twos
    before = world.state()
    done = split_person(context, mixed, [Leaving(proposal.parts[1].tracks, name="Second")], revision=proposal.revision)
    (second,) = set(done.people) - {mixed}
    assert world.whose(*ones, *twos, poor, strange) == [mixed] * 3 + [second] * 3 + [mixed]
    assert world.confirmed(*ones, *twos, poor, strange) == [True] * 6 + [False]
    assert world.rules() == [("different", None, None, mixed, second)]
    assert done.summary == "Split Second from Mixed"
    assert done.event_id is not None
    undo_event(context, done.event_id)
    assert world.state() == before


def test_a_person_of_one_kind_has_one_part(world: World, context: Context) -> None:
    video, ada = world.library.video(), world.library.person("Ada")
    tracks = [world.track(video, ada, [at], looks=1) for at in (1.0, 5.0)]
    assert [sorted(part.tracks) for part in propose_split(context, ada).parts] == [tracks]
    assert propose_split(context, world.library.person("Nobody")).parts == []
    with pytest.raises(InvalidInputError):
        propose_split(context, ada, strictness=6)


def test_people_of_one_frame_come_into_two_parts(world: World, context: Context) -> None:
    video, ada = world.library.video(), world.library.person("Ada")
    tracks = [world.track(video, ada, [1.0, 2.0], looks=1)]
    with context.database.write() as session:
        for face in session.scalars(select(Face)):
            face.ordinal = 9
    tracks.append(world.track(video, ada, [1.0], looks=1))
    assert [part.tracks for part in propose_split(context, ada, strictness=1).parts] == [[one] for one in tracks]


def test_a_split_that_cannot_be_changes_nothing(world: World, context: Context) -> None:
    video = world.library.video()
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    first, second, foreign = (world.track(video, who, [at]) for who, at in ((ada, 1.0), (ada, 5.0), (bob, 9.0)))
    before = world.state()
    for what, leaving in {
        "all": [Leaving([first]), Leaving([second])],
        "twice": [Leaving([first]), Leaving([first])],
        "foreign": [Leaving([first]), Leaving([foreign])],
        "nothing": [Leaving([])],
        "self": [Leaving([first], person_id=ada)],
    }.items():
        with pytest.raises(InvalidInputError):
            split_person(context, ada, leaving)
        assert world.state() == before, what


def test_what_is_gone_is_told_and_nothing_is_half_done(world: World, context: Context) -> None:
    video, ada = world.library.video(), world.library.person("Ada")
    track = world.track(video, ada, [1.0, 2.0])
    face = world.faces(track)[0]
    before = world.state()
    for chosen, to in (
        (Chosen(tracks=[track]), 10**6),
        (Chosen(faces=[face, 10**6]), None),
        (Chosen(faces=[face], tracks=[10**6]), None),
    ):
        with pytest.raises(NotFoundError):
            move_faces(context, chosen, to)
        assert world.state() == before
    with pytest.raises(InvalidInputError):
        move_faces(context, Chosen(), None)


def test_an_edit_of_somebody_who_was_changed_meanwhile_is_refused(world: World, context: Context) -> None:
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    seen = world.person(ada)
    assert seen is not None
    rename_person(context, ada, "Ada Lovelace")
    for edit in (
        lambda: edit_person(context, ada, Facts(notes="x"), revision=seen.revision),
        lambda: merge_people(context, ada, [bob], revision=seen.revision),
        lambda: delete_person(context, ada, revision=seen.revision),
    ):
        with pytest.raises(OutdatedError, match="Ada Lovelace was changed meanwhile"):
            edit()


def test_history_is_told_in_pieces_and_outlives_people(world: World, context: Context) -> None:
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    for name in ("One", "Two", "Three"):
        rename_person(context, bob, name)
    merge_people(context, ada, [bob])
    first = list_events(context, person_id=bob, size=3)
    assert [event.kind for event in first.events] == ["merge", "rename", "rename"]
    assert first.events[0].people == (ada, bob)
    last = list_events(context, person_id=bob, size=3, before=first.next)
    assert ([event.summary for event in last.events], last.next) == (["Named Bob One"], None)
    assert len(list_events(context, person_id=ada).events) == 1
    with pytest.raises(NotFoundError):
        list_events(context, person_id=10**6)


def test_an_event_is_undone_once_and_keeps_newer_edits(world: World, context: Context) -> None:
    video = world.library.video()
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    tracks = [world.track(video, bob, [at]) for at in (1.0, 5.0)]
    merged = merge_people(context, ada, [bob]).event_id
    assert merged is not None
    edit_person(context, ada, Facts(notes="new"))
    moved = move_faces(context, Chosen(tracks=[tracks[0]]), None).person_id
    undone = undo_event(context, merged)
    assert world.whose(*tracks) == [moved, bob]
    assert undone.kept > 0 and undone.summary == "Undone; what was changed since stays as it is."
    person = world.person(ada)
    assert person is not None and (person.notes, person.aliases) == ("new", None)
    with pytest.raises(ConflictError):
        undo_event(context, merged)
    with pytest.raises(NotFoundError):
        undo_event(context, 10**6)
    assert undone.undo_event_id is not None
    undo_event(context, undone.undo_event_id)
    assert world.whose(*tracks) == [moved, ada]


def test_an_edit_writes_few_rows_of_a_large_library(world: World, context: Context) -> None:
    """No statement of an edit may look at all faces: what it costs must not grow with the library."""
    video = world.library.video()
    ada, bob = world.library.person("Ada"), world.library.person("Bob")
    track = world.track(video, ada, [1.0, 2.0])
    statements: list[str] = []
    event.listen(context.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    move_faces(context, Chosen(tracks=[track]), bob)
    wide = [text for text in statements if text.startswith("UPDATE face") and "WHERE" in text and " IN (" not in text]
    assert wide == []
    assert len(statements) < 40


def test_undoing_what_was_done_before_a_cut_concerns_both_parts(world: World, context: Context) -> None:
    video, ada = world.library.video(), world.library.person("Ada")
    track = world.track(video, ada, [1.0, 2.0, 3.0, 4.0])
    faces = world.faces(track)
    deleted = delete_person(context, ada).event_id
    moved = move_faces(context, Chosen(faces=faces[:2]), None)
    again = move_faces(context, Chosen(faces=faces[:1]), None)
    for event_id in (again.event_id, moved.event_id, deleted):
        assert undo_event(context, event_id or 0).kept == 0
    with context.database.session() as session:
        assert [session.get_one(Face, face).person_id for face in faces] == [ada] * 4


def test_of_very_many_tracks_the_heaviest_are_regrouped_and_the_others_join(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.people.splitting.MOST_REGROUPED", 2)
    videos, mixed = [world.library.video() for _ in range(3)], world.library.person()
    ones = [world.track(video, mixed, [1.0, 2.0, 3.0][: 3 - place], looks=1) for place, video in enumerate(videos)]
    twos = [world.track(video, mixed, [8.0, 9.0, 10.0][: 3 - place], looks=2) for place, video in enumerate(videos)]
    assert sorted(sorted(part.tracks) for part in propose_split(context, mixed).parts) == [ones, twos]
