"""Random edits, groupings and undos end where a plain model says; hard rules hold after every grouping."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from app.models import Face, LinkRule, Person, PersonEvent, Track
from app.services.context import Context
from app.services.grouping import cluster_library
from app.services.grouping.runs import apply_run
from app.services.people import (
    Chosen,
    Facts,
    Leaving,
    confirm_faces,
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
from app.storage import vectors
from app.vision import BUNDLED
from tests.library import Library, make_context
from tests.people_model import FACTS, NO_FACTS, Model, State

PEOPLE, VIDEOS = 4, 4
NAMES = ("Ada", "Bob", "Cat", None)


def fill(folder: Path) -> None:
    """Four people in four videos; in each video two of them are seen side by side. One of their tracks is poor."""
    context = make_context(folder, clustering_preview_share=1.0)
    library = Library(context)
    chance = np.random.default_rng(7)
    for number in range(VIDEOS):
        video = library.video(f"Video {number}")
        for who in range(PEOPLE):
            start = 10.0 * (who // 2)
            library.track(video, None, [start + 1, start + 2, start + 3], usable=(number, who) != (0, 0))
            with context.database.write() as session:
                track = session.scalars(select(Track).order_by(Track.id.desc()).limit(1)).one()
                faces = session.scalars(select(Face).where(Face.track_id == track.id)).all()
                for face in faces:
                    face.embedding, face.ordinal = _looks(who, chance), who + 1
                    face.x1, face.x2 = 200.0 * who, 200.0 * who + 100
                track.embedding = _looks(who, chance)
    cluster_library(context)
    context.database.dispose()


def _looks(who: int, chance: np.random.Generator) -> bytes:
    vector = np.zeros(BUNDLED.dimension)
    vector[who] = 1.0
    vector += chance.normal(0, 0.1 / BUNDLED.dimension**0.5, BUNDLED.dimension)
    return vectors.encode(vector / np.linalg.norm(vector))


class Edits(RuleBasedStateMachine):
    """Does the same to the library and to the model."""

    template: Path
    folder: Path
    numbers = itertools.count()

    @initialize()
    def open(self) -> None:
        place = self.folder / f"library{next(self.numbers)}"
        shutil.copytree(self.template, place)
        self.context: Context = make_context(place, clustering_preview_share=1.0)
        with self.context.database.session() as session:
            usable = set(session.scalars(select(Track.id).where(Track.usable)))
            pairs = select(Face.video_id, Face.sample, Face.id)
            self.frames: dict[tuple[int, int], set[int]] = {}
            for video, sample, face in session.execute(pairs):
                self.frames.setdefault((video, sample), set()).add(face)
        self.model = Model(self.read(), usable)

    def teardown(self) -> None:
        if hasattr(self, "context"):
            self.context.database.dispose()

    def read(self) -> State:
        """The library as it is."""
        with self.context.database.session() as session:
            return State(
                people={
                    person.id: {name: getattr(person, name) for name in FACTS}
                    for person in session.scalars(select(Person))
                },
                tracks={
                    key: (who, confirmed)
                    for key, who, confirmed in session.execute(select(Track.id, Track.person_id, Track.confirmed))
                },
                faces={
                    key: (track, dismissed)
                    for key, track, dismissed in session.execute(select(Face.id, Face.track_id, Face.dismissed))
                },
                rules={
                    one.id: (one.kind.value, one.track_id, one.other_track_id, one.person_id, one.other_person_id)
                    for one in session.scalars(select(LinkRule))
                },
            )

    @invariant()
    def is_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        state, should = self.read(), self.model.now
        assert state.people == should.people
        assert state.tracks == should.tracks
        assert state.faces == should.faces
        assert state.rules == should.rules
        with self.context.database.session() as session:
            strays = select(func.count(Face.id)).outerjoin(Track, Track.id == Face.track_id)
            assert session.scalar(strays.where(Face.person_id.is_distinct_from(Track.person_id))) == 0
            covers = select(Person.id, Face.person_id).join(Face, Face.id == Person.cover_face_id)
            assert all(who == owner for who, owner in session.execute(covers))

    # choices

    def people(self) -> list[int]:
        return sorted(self.model.now.people)

    def person(self, data: st.DataObject) -> int:
        return int(data.draw(st.sampled_from(self.people())))

    def faces(self, data: st.DataObject) -> Chosen:
        """Some faces of one track, or whole tracks."""
        now = self.model.now
        tracks = sorted(now.tracks)
        if data.draw(st.booleans()):
            return Chosen(tracks=data.draw(st.lists(st.sampled_from(tracks), min_size=1, max_size=3, unique=True)))
        faces = sorted(now.faces_of(data.draw(st.sampled_from(tracks))))
        return Chosen(faces=data.draw(st.lists(st.sampled_from(faces), min_size=1, max_size=2, unique=True)))

    # what every step shares

    def cut_first(self, chosen: Chosen) -> list[int]:
        """Takes note of the cuts that an edit made; returns the tracks that it was about."""
        real = self.read()
        new: dict[int, tuple[int, list[int]]] = {}
        about = set(chosen.tracks)
        for face in chosen.faces:
            old = self.model.now.faces[face][0] or 0
            if set(self.model.now.faces_of(old)) <= set(chosen.faces) or old in about:
                about.add(old)
                continue
            part = max(real.tracks.keys() - self.model.now.tracks.keys(), default=0)
            new.setdefault(part, (old, []))[1].append(face)
        self.model.cut(new)
        return sorted({*about, *new})

    def learn_rules(self) -> None:
        """Which rules an edit makes is the library's to decide; that they hold, and go and come back, is checked."""
        self.model.now.rules = self.read().rules

    # edits

    @precondition(lambda self: self.model.now.people)
    @rule(data=st.data())
    def tell(self, data: st.DataObject) -> None:
        person = self.person(data)
        name = data.draw(st.sampled_from(("name", "notes", "hidden", "ignored", "favourite")))
        value = data.draw(st.sampled_from(NAMES)) if name in ("name", "notes") else data.draw(st.booleans())
        before = self.model.begin()
        done = edit_person(self.context, person, Facts(**{name: value}))
        self.model.now.people[person][name] = value
        self.model.file(done.event_id, before)

    @precondition(lambda self: len(self.model.now.people) > 1)
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.people()), min_size=2, max_size=3, unique=True))
        before = self.model.begin()
        done = merge_people(self.context, chosen[0], chosen[1:])
        self.model.merge(chosen[0], chosen[1:])
        self.learn_rules()
        self.model.file(done.event_id, before)

    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        chosen = self.faces(data)
        to = data.draw(st.sampled_from([*self.people(), None]))
        done = move_faces(self.context, chosen, to, name=None if to else data.draw(st.sampled_from(NAMES)))
        tracks = self.cut_first(chosen)
        before = self.model.begin()
        if to is None:
            (to,) = self.read().people.keys() - before.people.keys()
            with self.context.database.session() as session:
                self.model.now.people[to] = {**NO_FACTS, "name": session.get_one(Person, to).name}
        owners = self.model.give(tracks, to, confirmed=True)
        self.model.now.drop_unneeded(owners)
        self.learn_rules()
        self.model.file(done.event_id, before)
        self.never(tracks, owners - {to})

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        chosen = self.faces(data)
        done = remove_faces(self.context, chosen)
        tracks = self.cut_first(chosen)
        before = self.model.begin()
        tracks = [track for track in tracks if self.model.now.tracks[track][0] is not None]
        owners = self.model.give(tracks, None, confirmed=False)
        self.model.now.drop_unneeded(owners)
        self.learn_rules()
        self.model.file(done.event_id, before)
        if len(owners) == 1:
            self.never(tracks, owners)

    def never(self, tracks: Iterable[int], people: Collection[int]) -> None:
        """Every one of the tracks was somebody's; that they are not any more is a rule now."""
        if len(set(people)) == 1:
            (person,) = people
            if person in self.model.now.people:
                said = {one[1] for one in self.model.now.rules.values() if one[0] == "different" and one[3] == person}
                assert said & set(tracks)

    @precondition(lambda self: any(who for who, _ in self.model.now.tracks.values()))
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        theirs = sorted(track for track, (who, _) in self.model.now.tracks.items() if who)
        track = data.draw(st.sampled_from(theirs))
        person = self.model.now.tracks[track][0] or 0
        before = self.model.begin()
        done = confirm_faces(self.context, person, Chosen(tracks=[track]))
        self.model.now.tracks[track] = (person, True)
        self.learn_rules()
        self.model.file(done.event_id, before)

    @precondition(lambda self: len(self.model.now.tracks) > 10)
    @rule(data=st.data())
    def dismiss(self, data: st.DataObject) -> None:
        tracks = data.draw(
            st.lists(st.sampled_from(sorted(self.model.now.tracks)), min_size=1, max_size=2, unique=True)
        )
        owners = {self.model.now.tracks[track][0] for track in tracks}
        done = dismiss_faces(self.context, Chosen(tracks=tracks))
        before = self.model.begin()
        for track in tracks:
            self.model.now.faces |= dict.fromkeys(self.model.now.faces_of(track), (None, True))
            self.model.now.drop_track(track)
        self.model.now.drop_unneeded(who for who in owners if who)
        self.learn_rules()
        self.model.file(done.event_id, before)

    @precondition(lambda self: len(self.model.now.people) > 1)
    @rule(data=st.data())
    def different(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.people()), min_size=2, max_size=2, unique=True))
        before = self.model.begin()
        done = say_different(self.context, chosen)
        self.learn_rules()
        self.model.file(done.event_id, before)
        pairs = [set(one[3:]) for one in self.model.now.rules.values() if one[0] == "different"]
        assert set(chosen) in pairs

    @precondition(lambda self: any(len(self.model.now.tracks_of(who)) > 1 for who in self.model.now.people))
    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        large = [who for who in self.people() if len(self.model.now.tracks_of(who)) > 1]
        person = data.draw(st.sampled_from(large))
        theirs = sorted(self.model.now.tracks_of(person))
        size = len(theirs) - 1
        going = data.draw(st.lists(st.sampled_from(theirs), min_size=1, max_size=size, unique=True))
        before = self.model.begin()
        done = split_person(self.context, person, [Leaving(going)])
        (new,) = self.read().people.keys() - before.people.keys()
        self.model.now.people[new] = dict(NO_FACTS)
        self.model.give(going, new, confirmed=True)
        for track in self.model.now.tracks_of(person):
            self.model.now.tracks[track] = (person, self.model.now.tracks[track][1] or track in self.model.usable)
        self.learn_rules()
        self.model.file(done.event_id, before)

    @precondition(lambda self: len(self.model.now.people) > 2)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        person = self.person(data)
        before = self.model.begin()
        done = delete_person(self.context, person)
        self.model.now.drop_person(person)
        self.model.file(done.event_id, before)

    @precondition(lambda self: any(not event.undone for event in self.model.events.values()))
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        standing = [key for key, event in self.model.events.items() if not event.undone]
        event = data.draw(st.sampled_from(standing))
        before = self.model.begin()
        done = undo_event(self.context, event)
        self.model.undo(event)
        self.model.file(done.undo_event_id, before)

    @rule()
    def group(self) -> None:
        before = self.model.begin()
        last = self.last_event()
        summary = cluster_library(self.context, preview=True)  # also what an undoing has refused
        if summary.waiting is not None:
            apply_run(self.context, summary.run_id or 0)
        self.model.now = self.read()
        after = self.model.now
        assert after.rules == before.rules
        assert after.faces == before.faces
        assert all(after.people.get(who) == facts for who, facts in before.people.items() if facts["name"])
        self.check_hard_rules(before, summary.contradictions)
        self.model.file(self.last_event() if self.last_event() != last else None, before)

    def last_event(self) -> int:
        with self.context.database.session() as session:
            return session.scalar(select(func.max(PersonEvent.id))) or 0

    def check_hard_rules(self, before: State, contradictions: int) -> None:
        now = self.model.now
        owner = {track: who for track, (who, _) in now.tracks.items()}
        for faces in self.frames.values():
            people = [owner[track] for track, _ in (now.faces[face] for face in faces) if track is not None]
            known = [who for who in people if who is not None]
            assert len(known) == len(set(known)), "two faces of one frame are one person"
        for kind, one, other, person, _ in now.rules.values():
            if kind == "different" and one is not None:
                assert person is None or owner[one] != person, "a face is somebody whom it is not"
                assert other is None or owner[one] is None or owner[one] != owner[other]
        if not contradictions:
            for track, (who, confirmed) in before.tracks.items():
                assert not confirmed or owner[track] == who, "a confirmed track changed hands"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people") / "library"
    fill(folder)
    return folder


def run(template: Path, folder: Path, *, examples: int, steps: int) -> None:
    machine: Any = type("EditsHere", (Edits,), {"template": template, "folder": folder})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_random_edits_and_undos_end_where_the_model_says(template: Path, tmp_path: Path) -> None:
    run(template, tmp_path, examples=5, steps=20)


@pytest.mark.slow
def test_a_thousand_random_edits_and_undos_end_where_the_model_says(template: Path, tmp_path: Path) -> None:
    run(template, tmp_path, examples=30, steps=50)
