"""Faces, tracks and people: what a video leaves in the library."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError

from app.domain import JobKind
from app.errors import InvalidInputError
from app.models import Base, Face, Person, Track
from app.storage import faces, jobs, people, tracks, vectors, videos
from app.storage.database import Database
from tests.unit.storage.rows import DIMENSION, make_face, make_space, make_track, make_tracked_video, make_video


def person_of_faces(database: Database, video_id: int) -> dict[tuple[int, int], int | None]:
    with database.session() as session:
        return {(face.sample, face.ordinal): face.person_id for face in faces.in_video(session, video_id)}


def test_faces_come_back_as_they_were_stored(database: Database) -> None:
    with database.write() as session:
        video, space = make_video(session), make_space(session)
        ids = faces.add_many(session, [make_face(video, space, sample, quality_reasons=["small"]) for sample in (5, 2)])
    with database.session() as session:
        first, second = (session.get(Face, face_id) for face_id in ids)
        assert first is not None and second is not None
        assert (first.sample, second.sample) == (5, 2)
        assert first.quality_reasons == ["small"] and (first.x1, first.y2) == (1.0, 40.0)
        assert vectors.decode(first.embedding).shape == (DIMENSION,)
        assert vectors.decode_landmarks(first.landmarks).tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_a_face_is_never_stored_twice(database: Database) -> None:
    with database.write() as session:
        video, space = make_video(session), make_space(session)
        faces.add_many(session, [make_face(video, space, 3)])
    with pytest.raises(IntegrityError), database.write() as session:
        faces.add_many(session, [make_face(video, space, 4), make_face(video, space, 3)])
    with database.session() as session:
        assert faces.count(session) == 1


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 500])
def test_faces_of_a_video_are_streamed_in_order(database: Database, chunk: int) -> None:
    places = [(0, 0), (0, 1), (0, 2), (2, 0), (10, 0), (10, 1), (11, 0)]
    with database.write() as session:
        video, other, space = make_video(session), make_video(session), make_space(session)
        faces.add_many(session, [make_face(video, space, *place) for place in reversed(places)])
        faces.add_many(session, [make_face(other, space, 1)])
    with database.session() as session:
        found = list(faces.in_video(session, video.id, chunk=chunk))
        assert [(face.sample, face.ordinal) for face in found] == places
        assert list(faces.in_video(session, 10**6)) == []


def test_counts(database: Database) -> None:
    with database.write() as session:
        video, ids = make_tracked_video(session, [[(0, 0), (1, 0)], [(0, 1)]])
        make_tracked_video(session, [[(0, 0)]])
        person = people.add(session)
        tracks.assign_people(session, ids, [person.id, -1])
        assert faces.count(session) == 4
        assert faces.count(session, video_id=video.id) == 3
        assert faces.count(session, person_id=person.id) == 2
        assert faces.count(session, video_id=video.id + 1, person_id=person.id) == 0


def test_replacing_the_tracks_of_a_video_leaves_other_videos_alone(database: Database) -> None:
    with database.write() as session:
        video, old = make_tracked_video(session, [[(0, 0), (1, 0)], [(0, 1)]])
        other, kept = make_tracked_video(session, [[(0, 0)]])
        person = people.add(session)
        tracks.assign_people(session, [*old, *kept], [person.id] * 3)
    with database.write() as session:
        rows = list(faces.in_video(session, video.id))
        new = tracks.replace_for_video(
            session, video.id, [(make_track(video, make_space(session), rows), [rows[2].id])]
        )
    assert len(new) == 1 and not set(new) & {*old, *kept}
    with database.session() as session:
        stored = {face.id: (face.track_id, face.person_id) for face in faces.in_video(session, video.id)}
        assert list(stored.values()) == [(None, None), (None, None), (new[0], None)]
        assert [face.track_id for face in faces.in_video(session, other.id)] == kept
        assert [face.person_id for face in faces.in_video(session, other.id)] == [person.id]


def test_nodes_are_parallel_arrays(database: Database) -> None:
    with database.write() as session:
        video, ids = make_tracked_video(session, [[(0, 0), (3, 0)], [(0, 1)], [(5, 0)]])
        space, person = make_space(session), people.add(session)
        tracks.assign_people(session, ids[1:2], [person.id])
        session.get_one(Track, ids[2]).usable = False
    with database.session() as session:
        nodes = tracks.nodes(session, space)
        usable = tracks.nodes(session, space, usable_only=True)
        stored = [vectors.decode(session.get_one(Track, track_id).embedding) for track_id in ids]
    assert len(nodes) == 3 and nodes.ids.tolist() == ids
    assert nodes.video_ids.tolist() == [video.id] * 3
    assert nodes.person_ids.tolist() == [-1, person.id, -1]
    assert nodes.starts.tolist() == [0, 0, 2.5] and nodes.ends.tolist() == [1.5, 0, 2.5]
    assert nodes.face_counts.tolist() == [2, 1, 1]
    assert nodes.usable.tolist() == [True, True, False]
    assert nodes.embeddings.dtype == np.float32
    np.testing.assert_array_equal(nodes.embeddings, stored)
    assert usable.ids.tolist() == ids[:2] and usable.embeddings.shape == (2, DIMENSION)


def test_an_empty_library_has_empty_arrays_of_the_right_shape(database: Database) -> None:
    with database.write() as session:
        space = make_space(session)
        nodes = tracks.nodes(session, space)
        assert nodes.embeddings.shape == (0, DIMENSION) and nodes.ids.dtype == np.int64 and len(nodes) == 0
        assert tracks.seen_together(session).shape == (0, 2)
        assert tracks.assign_people(session, [], []) == 0


def test_tracks_that_share_a_frame_are_found_once(database: Database) -> None:
    with database.write() as session:
        _, ids = make_tracked_video(
            session, [[(0, 0), (1, 0), (2, 0)], [(1, 1), (2, 1)], [(2, 2), (3, 0)], [(4, 0)], [(9, 0)]]
        )
        # The same sample numbers in another video are other frames.
        make_tracked_video(session, [[(0, 0), (1, 0), (2, 0), (9, 0)]])
        session.get_one(Track, ids[2]).usable = False
        a, b, c = ids[:3]
        assert tracks.seen_together(session).tolist() == [[a, b], [a, c], [b, c]]
        assert tracks.seen_together(session, usable_only=True).tolist() == [[a, b]]


def test_faces_follow_their_tracks(database: Database) -> None:
    with database.write() as session:
        video, ids = make_tracked_video(session, [[(0, 0), (1, 0)], [(0, 1)]])
        faces.add_many(session, [make_face(video, make_space(session), 7)])
        ada, bob = people.add_many(session, 2, ["Ada", "Bob"])
        assert tracks.assign_people(session, ids, [ada.id, bob.id]) == 3
    assert person_of_faces(database, video.id) == {(0, 0): ada.id, (0, 1): bob.id, (1, 0): ada.id, (7, 0): None}
    with database.write() as session:
        assert tracks.assign_people(session, ids, [ada.id, bob.id]) == 0
        assert tracks.assign_people(session, ids[1:], [-1]) == 1
    assert person_of_faces(database, video.id) == {(0, 0): ada.id, (0, 1): None, (1, 0): ada.id, (7, 0): None}


def test_a_decision_that_is_older_than_the_library_does_no_harm(database: Database) -> None:
    with database.write() as session:
        video, ids = make_tracked_video(session, [[(0, 0)], [(0, 1)]])
        _, gone = make_tracked_video(session, [[(0, 0)]])
        ada = people.add(session, "Ada")
        tracks.assign_people(session, ids[1:], [ada.id])
        videos.remove(session, video.id + 1)
    with database.write() as session:
        assert tracks.assign_people(session, [*gone, *ids], [ada.id, ada.id, 10**6]) == 1
    assert person_of_faces(database, video.id) == {(0, 0): ada.id, (0, 1): ada.id}


def test_a_large_library_is_linked_and_assigned_in_few_statements(database: Database) -> None:
    """12,000 faces in 1,200 tracks; only their rows' own INSERTs may grow in number with them."""
    statements: list[str] = []
    with database.write() as session:
        video, space = make_video(session), make_space(session)
        rows = [make_face(video, space, number, embedding=b"\x00" * 4 * DIMENSION) for number in range(12_000)]
        event.listen(database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        ids = faces.add_many(session, rows)
        groups = [list(range(start, start + 10)) for start in range(0, 12_000, 10)]
        made = tracks.replace_for_video(
            session,
            video.id,
            [(make_track(video, space, [rows[i] for i in group]), [ids[i] for i in group]) for group in groups],
        )
        owners = people.add_many(session, 100)
        assert tracks.assign_people(session, made, [owners[i % 100].id for i in range(1_200)]) == 12_000
        assert people.choose_covers(session) == 100
    others = [statement[:60] for statement in statements if not statement.startswith("INSERT")]
    assert len(others) < 20, others


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada", "Ada"),
        ("  Ada \n Lovelace ", "Ada Lovelace"),
        ("", None),
        ("  ", None),
        (None, None),
        ("Ж" * 200, "Ж" * 200),
    ],
)
def test_naming(database: Database, given: str | None, kept: str | None) -> None:
    with database.write() as session:
        person = people.add(session, given)
    with database.session() as session:
        stored = people.get(session, person.id)
        assert stored is not None and stored.name == kept
        assert people.named(session) == ({person.id: kept} if kept else {})


@pytest.mark.parametrize("name", ["x" * 201, "a\x00b", "a\u202eb", "a\x1bb"])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        people.clean_name(name)


def test_only_people_whom_nobody_needs_are_deleted(database: Database) -> None:
    with database.write() as session:
        _, ids = make_tracked_video(session, [[(0, 0)]])
        seen, named_, _empty = people.add_many(session, 3, [None, "Ada", None])
        tracks.assign_people(session, ids, [seen.id])
        assert people.delete_empty(session) == 1
        assert sorted(session.scalars(select(Person.id))) == [seen.id, named_.id]
        assert people.count(session) == 2


def test_people_of_whom_a_user_said_something_stay_without_a_face(database: Database) -> None:
    facts = ({"notes": "met in Rome"}, {"aliases": ["A."]}, {"birth_date": "1980-12-31"}, {"favourite": True})
    with database.write() as session:
        told = people.add_many(session, len(facts))
        for person, values in zip(told, facts, strict=True):
            for name, value in values.items():
                setattr(person, name, value)
        for name in ("hidden", "ignored"):
            setattr(people.add(session), name, True)
        session.flush()
        assert people.delete_empty(session) == 2
        assert sorted(session.scalars(select(Person.id))) == [person.id for person in told]


def test_a_chosen_cover_stays_while_it_is_theirs(database: Database) -> None:
    with database.write() as session:
        _, ids = make_tracked_video(session, [[(0, 0), (1, 0)], [(2, 0)]])
        ada = people.add(session, "Ada")
        tracks.assign_people(session, ids, [ada.id, ada.id])
        track = session.get_one(Track, ids[0])
        ada.cover_face_id, ada.cover_chosen = (track.best_face_id or 0) + 1, True
        session.flush()
        assert people.choose_covers(session) == 0
    assert cover_sample(database, ada.id) == 1
    with database.write() as session:
        tracks.assign_people(session, ids[:1], [-1])
        assert people.choose_covers(session) == 1
        person = people.get(session, ada.id)
        assert person is not None and not person.cover_chosen
    assert cover_sample(database, ada.id) == 2


def test_a_cover_is_the_best_face_and_stays_while_it_is_theirs(database: Database) -> None:
    with database.write() as session:
        video, ids = make_tracked_video(session, [[(0, 0)], [(1, 0)], [(2, 0)], [(3, 0)]])
        for track_id, quality, usable in zip(ids, (0.4, 0.9, 0.99, 0.5), (True, True, False, True), strict=True):
            track = session.get_one(Track, track_id)
            track.quality, track.usable = quality, usable
        ada, bob = people.add_many(session, 2)
        tracks.assign_people(session, ids, [ada.id] * 3 + [bob.id])
        assert people.choose_covers(session) == 2
        assert people.choose_covers(session) == 0
    assert cover_sample(database, ada.id) == 1
    with database.write() as session:
        session.get_one(Track, ids[0]).quality = 1.0
        assert people.choose_covers(session) == 0
        tracks.assign_people(session, ids[1:2], [bob.id])
        assert people.choose_covers(session) == 1
    assert cover_sample(database, ada.id) == 0
    assert cover_sample(database, bob.id) == 3
    with database.write() as session:
        videos.remove(session, video.id)
        assert people.choose_covers(session) == 2
    assert cover_sample(database, ada.id) is None


def cover_sample(database: Database, person_id: int) -> int | None:
    with database.session() as session:
        query = select(Face.sample).join(Person, Person.cover_face_id == Face.id).where(Person.id == person_id)
        return session.scalar(query)


def test_deleting_a_video_deletes_all_that_came_of_it_and_nothing_else(database: Database) -> None:
    with database.write() as session:
        kept, kept_ids = make_tracked_video(session, [[(0, 0)]])
        video, ids = make_tracked_video(session, [[(0, 0), (1, 0)], [(0, 1)]])
        ada, someone = people.add_many(session, 2, ["Ada", None])
        tracks.assign_people(session, [*kept_ids, *ids], [someone.id, ada.id, someone.id])
        for owner in (kept, video):
            jobs.add(session, JobKind.PROCESS_VIDEO, video_id=owner.id)
    with database.write() as session:
        assert videos.remove(session, video.id)
        assert not videos.remove(session, video.id)
        people.delete_empty(session)
    with database.session() as session:
        left = {
            table.name: session.scalar(select(func.count()).select_from(table)) for table in Base.metadata.sorted_tables
        }
        assert videos.get(session, video.id) is None
    del left["face_change"]  # the log from which search indexes learn that faces are gone
    assert {name: number for name, number in left.items() if number} == {
        "embedding_space": 1,
        "person": 2,
        "video": 1,
        "job": 1,
        "track": 1,
        "face": 1,
    }


def test_forgetting_what_was_found_keeps_the_video_and_its_jobs(database: Database) -> None:
    with database.write() as session:
        video, _ = make_tracked_video(session, [[(0, 0)]])
        jobs.add(session, JobKind.PROCESS_VIDEO, video_id=video.id)
        videos.delete_findings(session, video.id)
        assert faces.count(session) == 0 and session.scalar(select(func.count(Track.id))) == 0
        assert videos.get(session, video.id) is not None and jobs.latest_for_video(session, video.id) is not None


def test_a_video_is_known_by_its_bytes(database: Database) -> None:
    with database.write() as session:
        video = make_video(session, sha256="ab" * 32)
        make_video(session)
        make_video(session)  # two without bytes yet do not collide
    with database.session() as session:
        known = videos.by_sha256(session, "ab" * 32)
        assert known is not None and known.id == video.id
        assert videos.by_sha256(session, "cd" * 32) is None
    with pytest.raises(IntegrityError), database.write() as session:
        make_video(session, sha256="ab" * 32)


def test_records_for_export_come_in_order_with_names(database: Database) -> None:
    with database.write() as session:
        video, ids = make_tracked_video(session, [[(1, 0), (0, 1)], [(0, 0)]])
        other, _ = make_tracked_video(session, [[(0, 0)]])
        ada = people.add(session, "Ada")
        tracks.assign_people(session, ids, [ada.id, -1])
    with database.session() as session:
        for chunk in (1, 3, 100):
            found = [
                (record.file_name, record.face.sample, record.face.ordinal, record.person_name)
                for record in faces.records(session, chunk=chunk)
            ]
            assert found == [
                (video.file_name, 0, 0, None),
                (video.file_name, 0, 1, "Ada"),
                (video.file_name, 1, 0, "Ada"),
                (other.file_name, 0, 0, None),
            ]
