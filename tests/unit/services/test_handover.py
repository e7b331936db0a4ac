"""A video is looked at again: what users decided about its old tracks goes on with the new ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import Answer, RuleKind
from app.models import EmbeddingSpace, Face, Job, LinkRule, Person, ReviewQuestion, Track
from app.services.context import Context
from app.services.doctor import examine
from app.services.erase import delete_video
from app.services.people import Chosen, move_faces, remove_faces, undo_event
from app.services.process_video import link_tracks
from app.storage import faces as face_rows
from app.storage import people, vectors
from app.storage.findings import HIDDEN
from app.vision import BUNDLED
from tests.library import Library, make_context
from tests.unit.services.doctor.conftest import codes

WHO = {"ada": 1, "bob": 2, "cat": 3, "print": 4}


@pytest.fixture
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    """A library on SQLite, or on Postgres where a test asks for it."""
    url = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")
    made = make_context(tmp_path / "library", database_url=url)
    yield made
    made.database.dispose()


on_both = pytest.mark.parametrize("context", ["sqlite", "postgres"], indirect=True)


class Scene:
    """A video whose faces are given instead of looked for; linked by the product."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.library = Library(context)
        self.video_id = self.library.video()
        self.job_id = self.library.job(self.video_id)
        self.params: dict[str, Any] = {}
        self.made: set[int | None] = {None}

    def check(self) -> None:
        """Nobody stops this."""

    def fence(self, session: Session) -> None:
        """Nobody takes this away."""

    def look(self, seen: Sequence[tuple[str, float, float]], *, again: bool = False, alone: bool = False) -> None:
        """Stores faces (who, second, left edge) and links them."""
        with self.context.database.write() as session:
            by_time: dict[float, int] = {}
            for who, at, left in seen:
                ordinal = by_time[at] = by_time.get(at, -1) + 1
                session.add(self._face(who, at, left, ordinal, HIDDEN if again else 0))
            session.get_one(Job, self.job_id).params = {"hidden": again}
        self.params = {"hidden": again}
        link_tracks(self.context, self, self.video_id, alone=alone)

    def _face(self, who: str, at: float, left: float, ordinal: int, shift: int) -> Face:
        row = self.library._face(None, self.video_id, None, at, 0.8, True)
        row.sample, row.ordinal = round(at * 10) + shift, ordinal
        row.x1, row.x2, row.y1, row.y2 = left, left + 100, 20.0, 140.0
        row.embedding = vectors.encode(looks(who, at))
        row.crop_key = f"faces/{self.video_id}/{shift < 0:d}{round(at * 10):07d}_{ordinal}.jpg"
        return row

    def tracks(self) -> list[tuple[Track, list[Face]]]:
        """Tracks by their first moment and place, each with its faces.

        A newcomer may have founded somebody; only people whom the test made are told.
        """
        with self.context.database.session() as session:
            found = []
            for track in session.scalars(select(Track).where(Track.video_id == self.video_id)):
                faces = select(Face).where(Face.track_id == track.id).order_by(Face.sample)
                found.append((track, list(session.scalars(faces))))
        for track, _ in found:
            track.person_id = track.person_id if track.person_id in self.made else None
        return sorted(found, key=lambda one: (one[1][0].timestamp, one[1][0].x1))

    def change(self, **what: Any) -> None:
        """Writes into rows: ``track=(id, {...})`` and so on."""
        kinds = {"track": Track, "face": Face, "person": Person}
        with self.context.database.write() as session:
            for name, (key, values) in what.items():
                for field, value in values.items():
                    setattr(session.get_one(kinds[name], key), field, value)
            face_rows.follow_tracks(session)

    def add(self, *rows: Any) -> list[int]:
        with self.context.database.write() as session:
            session.add_all(rows)
            session.flush()
            return [row.id for row in rows]

    def person(self, name: str | None = None) -> int:
        with self.context.database.write() as session:
            made = people.add(session, name).id
        self.made.add(made)
        return made

    def rules(self) -> list[tuple[str, int | None, int | None, int | None]]:
        with self.context.database.session() as session:
            rows = session.scalars(select(LinkRule).order_by(LinkRule.id))
            return [(rule.kind.value, rule.track_id, rule.other_track_id, rule.person_id) for rule in rows]


def looks(who: str, at: float) -> np.ndarray:
    """A vector near the person's own; 0.02 apart within a person, 1 between two."""
    axis = np.zeros(BUNDLED.dimension, np.float32)
    axis[WHO[who]] = 1.0
    axis += np.random.default_rng([WHO[who], round(at * 100)]).normal(
        0, 0.1 / BUNDLED.dimension**0.5, BUNDLED.dimension
    )
    return np.asarray(axis / np.linalg.norm(axis), np.float32)


def walk(who: str, start: float, end: float, step: float = 1.0, left: float = 100.0) -> list[tuple[str, float, float]]:
    return [(who, float(at), left + 5 * float(at)) for at in np.arange(start, end + 1e-6, step)]


@pytest.fixture
def scene(context: Context) -> Scene:
    return Scene(context)


@on_both
def test_a_confirmed_track_and_its_rules_go_on(scene: Scene) -> None:
    scene.look([*walk("ada", 0, 5), *walk("bob", 0, 5, left=400)])
    (ada, _), (bob, _) = scene.tracks()
    other = scene.library.track(scene.library.video(), None, [1.0])[0]
    with scene.context.database.session() as session:
        elsewhere = session.get_one(Face, other).track_id
    one, two = scene.person("Ada"), scene.person()
    scene.change(track=(ada.id, {"person_id": one, "confirmed": True}))
    scene.add(
        LinkRule(kind=RuleKind.DIFFERENT, track_id=bob.id, person_id=one),
        LinkRule(kind=RuleKind.SAME, track_id=elsewhere, other_track_id=ada.id),
        LinkRule(kind=RuleKind.DIFFERENT, person_id=one, other_person_id=two),
    )
    scene.look([*walk("ada", 0, 5, 0.5), *walk("bob", 0, 5, 0.5, left=400)], again=True)
    (new_ada, faces), (new_bob, _) = scene.tracks()
    assert not {new_ada.id, new_bob.id} & {ada.id, bob.id} and len(faces) == 11
    assert (new_ada.person_id, new_ada.confirmed) == (one, True)
    assert (new_bob.person_id, new_bob.confirmed) == (None, False)
    assert {face.person_id for face in faces} == {one}
    assert scene.rules() == [
        ("different", new_bob.id, None, one),
        ("same", elsewhere, new_ada.id, None),
        ("different", None, None, one),
    ]


@on_both
def test_faces_that_a_user_dismissed_stay_dismissed_and_join_no_track(scene: Scene) -> None:
    scene.look([*walk("ada", 0, 4), *walk("print", 0, 4, left=300)])
    (_, (_track, faces)) = scene.tracks()
    for face in faces:
        scene.change(face=(face.id, {"dismissed": True, "track_id": None}))
    with scene.context.database.write() as session:
        session.delete(session.get_one(Track, _track.id))
    seen = [*walk("ada", 0, 4, 0.5), *walk("print", 0, 4, 0.5, left=300)]
    scene.look(seen, again=True)
    ((_, faces),) = scene.tracks()
    assert len(faces) == 9 and not any(face.dismissed for face in faces)
    with scene.context.database.session() as session:
        gone = session.scalars(select(Face).where(Face.dismissed)).all()
        assert len(gone) == 9 and {face.x1 >= 300 for face in gone} == {True}
        assert {(face.track_id, face.person_id) for face in gone} == {(None, None)}
    scene.look([])  # linked once more, with the same faces
    assert len(scene.tracks()) == 1


def test_a_real_face_near_a_dismissed_one_is_kept(scene: Scene) -> None:
    """Half a second later somebody else is in that place; at the same time only the place tells."""
    scene.look([("print", 1.0, 100.0)])
    ((track, (face,)),) = scene.tracks()
    scene.change(face=(face.id, {"dismissed": True, "track_id": None}))
    with scene.context.database.write() as session:
        session.delete(session.get_one(Track, track.id))
    scene.look([("print", 1.0, 100.0), ("ada", 1.5, 100.0), ("bob", 1.0, 400.0)], again=True)
    assert [faces[0].timestamp for _, faces in scene.tracks()] == [1.0, 1.5]


@on_both
def test_a_track_that_a_user_cut_is_cut_again(scene: Scene) -> None:
    """The tracker makes one track of it, the user had put its second half to somebody else."""
    scene.look(walk("ada", 0, 9))
    ((track, faces),) = scene.tracks()
    ada, bob = scene.person("Ada"), scene.person("Bob")
    (cut,) = scene.add(_like(track, faces[5:], person_id=bob, confirmed=True))
    scene.change(track=(track.id, {"person_id": ada}))
    for face in faces[5:]:
        scene.change(face=(face.id, {"track_id": cut}))
    scene.look(walk("ada", 0, 9, 0.5), again=True)
    (first, early), (second, late) = scene.tracks()
    assert (first.person_id, first.confirmed, second.person_id, second.confirmed) == (ada, False, bob, True)
    assert {face.timestamp for face in early} >= {0.0, 1.0, 2.0, 3.0, 4.0}
    assert {face.timestamp for face in late} >= {5.0, 6.0, 7.0, 8.0, 9.0}
    assert len(early) + len(late) == 19
    scene.look([])  # the same faces once more: nothing changes
    assert [(one.person_id, len(faces)) for one, faces in scene.tracks()] == [(ada, len(early)), (bob, len(late))]


def test_one_face_that_was_taken_out_of_a_person_stays_out(scene: Scene) -> None:
    scene.look(walk("ada", 0, 9))
    ((track, faces),) = scene.tracks()
    ada = scene.person("Ada")
    (cut,) = scene.add(_like(track, faces[4:5]))
    scene.change(track=(track.id, {"person_id": ada}), face=(faces[4].id, {"track_id": cut}))
    scene.add(LinkRule(kind=RuleKind.DIFFERENT, track_id=cut, person_id=ada))
    scene.look(walk("ada", 0, 9), again=True)
    (whole, faces), (lone, (face,)) = scene.tracks()
    assert (whole.person_id, len(faces), lone.person_id, face.timestamp) == (ada, 9, None, 4.0)
    assert scene.rules() == [("different", lone.id, None, ada)]


def test_a_track_that_the_new_look_tears_is_one_persons_in_both_pieces(scene: Scene) -> None:
    scene.look([*walk("ada", 0, 3), *walk("ada", 4, 6), *walk("bob", 0, 6, left=400)])
    (ada_track, _), (bob_track, _) = scene.tracks()
    ada = scene.person("Ada")
    scene.change(track=(ada_track.id, {"person_id": ada, "confirmed": True}))
    scene.add(LinkRule(kind=RuleKind.DIFFERENT, track_id=ada_track.id, other_track_id=bob_track.id))
    # in between nothing is seen for longer than a track waits
    again = [*walk("ada", 0, 1), *walk("ada", 6, 6), *walk("bob", 0, 6, left=400)]
    scene.look(again, again=True)
    found = scene.tracks()
    pieces = [track.id for track, faces in found if faces[0].x1 < 300]
    (bob,) = [track.id for track, faces in found if faces[0].x1 > 300]
    assert len(pieces) == 2
    assert [(one.person_id, one.confirmed) for one, faces in found if one.id in pieces] == [(ada, True)] * 2
    assert {(one, other) for _, one, other, _ in scene.rules()} == {(piece, bob) for piece in pieces}


def test_where_it_is_not_clear_whose_a_track_is_it_is_nobodys(scene: Scene) -> None:
    """Half of the faces were one person's, half another's, by grouping alone: nobody decided anything."""
    scene.look(walk("ada", 0, 9))
    ((track, faces),) = scene.tracks()
    one, two = scene.person("Ada"), scene.person("Bob")
    (cut,) = scene.add(_like(track, faces[5:], person_id=two))
    scene.change(track=(track.id, {"person_id": one}))
    for face in faces[5:]:
        scene.change(face=(face.id, {"track_id": cut}))
    scene.look(walk("ada", 0, 9), again=True)
    ((track, faces),) = scene.tracks()
    assert (track.person_id, track.confirmed, len(faces)) == (None, False, 10)


def test_a_face_in_another_place_inherits_nothing_but_by_looks(scene: Scene) -> None:
    scene.look([*walk("ada", 0, 4), *walk("bob", 0, 4, left=400)])
    (ada_track, _), (bob_track, _) = scene.tracks()
    ada, bob = scene.person("Ada"), scene.person("Bob")
    scene.change(track=(ada_track.id, {"person_id": ada, "confirmed": True}))
    scene.change(track=(bob_track.id, {"person_id": bob, "confirmed": True}))
    scene.look([*walk("ada", 0.3, 4, 1, left=700), *walk("cat", 0.2, 4, 1, left=400)], again=True)
    (cat, _), (moved, _) = scene.tracks()
    assert (moved.person_id, moved.confirmed) == (ada, False)
    assert (cat.person_id, cat.confirmed) == (None, False)


def test_a_chosen_cover_goes_over_to_the_nearest_face(scene: Scene) -> None:
    scene.look(walk("ada", 0, 6))
    ((track, faces),) = scene.tracks()
    ada = scene.person("Ada")
    scene.change(track=(track.id, {"person_id": ada}))
    scene.change(person=(ada, {"cover_face_id": faces[3].id, "cover_chosen": True}))
    scene.look(walk("ada", 0, 6, 0.5), again=True)
    assert cover(scene, ada) == (3.0, True)
    scene.look(walk("ada", 0.4, 6.4), again=True)  # no face at the very same time: the same track's nearest
    assert cover(scene, ada) == (pytest.approx(3.4), True)
    scene.look(walk("bob", 0, 6, left=900), again=True)  # nobody is left to be shown
    assert cover(scene, ada) == (None, False)


def cover(scene: Scene, person_id: int) -> tuple[float | None, bool]:
    with scene.context.database.session() as session:
        person = session.get_one(Person, person_id)
        face = session.get(Face, person.cover_face_id or 0)
        return (face.timestamp if face else None), person.cover_chosen


@on_both
def test_questions_and_answers_speak_of_the_new_tracks(scene: Scene) -> None:
    scene.look([*walk("ada", 0, 4), *walk("bob", 0, 4, left=400), *walk("cat", 0, 4, left=800)])
    tracks = scene.tracks()
    ada = scene.person("Ada")
    answers = [Answer.DIFFERENT, None, None]
    for (track, faces), answer in zip(tracks, answers, strict=True):
        scene.add(
            ReviewQuestion(
                pair=f"t{track.id}-p{ada}",
                track_id=track.id,
                person_id=ada,
                face_id=faces[2].id,
                similarity=50.0,
                value=1.0,
                answer=answer,
            )
        )
    scene.look([*walk("ada", 0, 4, 0.5), *walk("bob", 0, 4, left=400)], again=True)
    new = [track.id for track, _ in scene.tracks()]
    with scene.context.database.session() as session:
        found = session.scalars(select(ReviewQuestion).order_by(ReviewQuestion.id)).all()
        assert [(one.pair, one.track_id, one.answer) for one in found] == [
            (f"t{new[0]}-p{ada}", new[0], Answer.DIFFERENT),
            (f"t{new[1]}-p{ada}", new[1], None),
        ]
        assert [session.get_one(Face, one.face_id or 0).timestamp for one in found] == [2.0, 2.0]


def test_pictures_keep_what_was_decided_about_them(scene: Scene) -> None:
    seen = [("ada", 0.0, 100.0), ("bob", 0.0, 400.0), ("ada", 1.0, 100.0), ("print", 2.0, 100.0)]
    scene.look(seen, alone=True)
    tracks = scene.tracks()
    ada = scene.person("Ada")
    scene.change(track=(tracks[0][0].id, {"person_id": ada, "confirmed": True}))
    scene.change(face=(tracks[3][1][0].id, {"dismissed": True, "track_id": None}))
    scene.add(LinkRule(kind=RuleKind.DIFFERENT, track_id=tracks[2][0].id, person_id=ada))
    with scene.context.database.write() as session:
        session.delete(session.get_one(Track, tracks[3][0].id))
    scene.look(seen, again=True, alone=True)
    found = scene.tracks()
    assert [(one.person_id, one.confirmed) for one, _ in found] == [(ada, True), (None, False), (None, False)]
    assert scene.rules() == [("different", found[2][0].id, None, ada)]


def test_a_first_look_asks_for_nothing(scene: Scene) -> None:
    scene.look(walk("ada", 0, 4))
    with scene.context.database.session() as session:
        assert session.scalar(select(func.count(Track.id))) == 1
        assert session.scalar(select(func.count(EmbeddingSpace.id))) == 1


def _like(track: Track, faces: Sequence[Face], **values: Any) -> Track:
    """A track that a user cut out of another."""
    given: dict[str, Any] = {
        "video_id": track.video_id,
        "space_id": track.space_id,
        "start": faces[0].timestamp,
        "end": faces[-1].timestamp,
        "face_count": len(faces),
        "quality": track.quality,
        "usable": True,
        "best_face_id": faces[0].id,
        "embedding": faces[0].embedding,
    }
    return Track(**{**given, **values})


@pytest.mark.parametrize("gone", ["looked at again", "deleted"])
def test_what_was_done_to_tracks_that_are_gone_is_undone_as_far_as_it_can_be(scene: Scene, gone: str) -> None:
    scene.look([*walk("ada", 0, 4), *walk("bob", 0, 4, left=400)])
    (ada_track, _), (bob_track, _) = scene.tracks()
    moved = move_faces(scene.context, Chosen(tracks=[ada_track.id, bob_track.id]), None, name="Ada")
    said = remove_faces(scene.context, Chosen(tracks=[bob_track.id]))
    if gone == "deleted":
        delete_video(scene.context, scene.video_id)
    else:
        scene.look([*walk("ada", 0, 4, 0.5), *walk("bob", 0, 4, 0.5, left=400)], again=True)
    for event in (said.event_id, moved.event_id):
        undone = undo_event(scene.context, event or 0)
        assert undone.summary in (
            "Undone; what was changed since stays as it is.",
            "Nothing was left to undo: all of it was changed since.",
        )
    assert codes(examine(scene.context)) == []
