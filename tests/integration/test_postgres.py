"""What only a real server with many writers at once can show."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from app.domain import JobKind
from app.errors import ConfigError, JobCancelledError, JobLostError
from app.models import Face, Job, Track, Video
from app.storage import faces, jobs, people, tracks, videos
from app.storage.database import Database
from app.storage.journal import Journal
from tests.unit.storage.rows import make_face, make_space, make_track, make_tracked_video, make_video


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    database.upgrade()
    yield database
    database.dispose()


def test_the_server_is_a_real_postgres(postgres: Database) -> None:
    with postgres.session() as session:
        assert str(session.scalar(text("SELECT version()"))).startswith("PostgreSQL 1")
    assert postgres.is_current() and not postgres.is_sqlite


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_form_of_the_address_connects(postgres_url: str, scheme: str) -> None:
    database = Database(f"{scheme}{postgres_url[postgres_url.index('://') :]}")
    database.ping()
    database.dispose()


def test_a_database_that_does_not_exist_is_explained(postgres_url: str) -> None:
    from sqlalchemy import make_url

    url = make_url(postgres_url).set(database="no_such_library", password="s3cret")
    with pytest.raises(ConfigError, match="no_such_library") as caught:
        Database(url.render_as_string(hide_password=False)).upgrade()
    assert "s3cret" not in caught.value.message


def test_connections_that_the_server_closed_are_replaced(postgres: Database, postgres_url: str) -> None:
    postgres.ping()
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    postgres.ping()
    with postgres.write() as session:
        people.add(session, "Ada")


def test_a_checkpoint_holds_off_whoever_would_take_the_job(postgres: Database) -> None:
    """Between the fence and the commit nobody can claim or cancel the job."""
    with postgres.write() as session:
        job_id = jobs.add(session, JobKind.PROCESS_VIDEO).id
        token = jobs.claim(session, job_id, "here:1:1", 0.0)
    assert token is not None
    cancelled = threading.Event()

    def cancel() -> None:
        with postgres.write() as session:
            jobs.request_cancel(session, job_id)
        cancelled.set()

    other = threading.Thread(target=cancel)
    with postgres.write() as session:
        jobs.checkpoint(session, job_id, token, 8, 60)
        other.start()
        wait_until_blocked(postgres)
        assert not cancelled.is_set()
        make_video(session)
    other.join(30)
    assert cancelled.is_set()
    with postgres.session() as session:
        job = jobs.get(session, job_id)
        assert job is not None and job.next_sample == 8
        assert jobs.is_cancelled(session, job_id)


def wait_until_blocked(database: Database) -> None:
    query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    pause = threading.Event()
    for _ in range(500):
        with database.session() as session:
            if session.scalar(query):
                return
        pause.wait(0.02)
    raise AssertionError("the other transaction does not wait")


def test_all_kinds_of_writers_at_once_neither_deadlock_nor_leave_loose_ends(postgres: Database) -> None:
    """Workers store and link, a grouping assigns, a user deletes, renames and cancels: for a while, all at once."""
    with postgres.write() as session:
        made = [
            make_tracked_video(session, [[(n, 0) for n in range(20)], [(n, 1) for n in range(20)]]) for _ in range(6)
        ]
        space = make_space(session)
        owners = [person.id for person in people.add_many(session, 4)]
    video_ids = [video.id for video, _ in made]
    problems: list[Exception] = []
    workers = [
        threading.Thread(target=guarded, args=(work, postgres, video_ids, owners, space, seed, problems))
        for seed, work in enumerate([store_and_link, store_and_link, assign, assign, delete, rename])
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert problems == []
    with postgres.session() as session:
        assert (
            session.scalar(select(func.count(Face.id)).where(Face.track_id.is_(None), Face.person_id.is_not(None))) == 0
        )
        strays = select(func.count(Face.id)).join(Track, Track.id == Face.track_id)
        assert session.scalar(strays.where(Track.person_id.is_distinct_from(Face.person_id))) == 0
        assert session.scalar(strays.where(Track.video_id != Face.video_id)) == 0


def guarded(work, postgres, video_ids, owners, space, seed, problems) -> None:  # type: ignore[no-untyped-def]
    chance = random.Random(seed)
    try:
        for _ in range(25):
            work(postgres, chance, video_ids, owners, space)
    except Exception as error:  # noqa: BLE001 - told to the test's own thread
        problems.append(error)


def store_and_link(postgres, chance, video_ids, owners, space) -> None:  # type: ignore[no-untyped-def]
    video_id = chance.choice(video_ids)
    try:
        with postgres.write() as session:
            job = jobs.add(session, JobKind.PROCESS_VIDEO, video_id=video_id)
            token = jobs.claim(session, job.id, "here:1:1", 60)
        with postgres.write() as session:
            jobs.checkpoint(session, job.id, token, 8, 60)
            video = Video(id=video_id)
            faces.add_many(session, [make_face(video, space, chance.randrange(10**8), n) for n in range(3)])
        with postgres.session() as session:
            found = list(faces.in_video(session, video_id))
        with postgres.write() as session:
            jobs.heartbeat(session, job.id, token, 60)
            half = len(found) // 2
            parts = [part for part in (found[:half], found[half:]) if part]
            rows = [(make_track(video, space, part), [face.id for face in part]) for part in parts]
            tracks.replace_for_video(session, video_id, rows)
    except (JobLostError, JobCancelledError):
        pass  # the user deleted the video or cancelled the job: the worker stops
    except IntegrityError as error:
        assert "fk_job_video_id_video" in str(error)  # the video went before its job was filed


def assign(postgres, chance, video_ids, owners, space) -> None:  # type: ignore[no-untyped-def]
    with postgres.session() as session:
        nodes = tracks.nodes(session, space)
    with postgres.write() as session:
        people.add_many(session, 1)
        tracks.assign_people(session, nodes.ids, [chance.choice(owners) for _ in range(len(nodes))])
        people.delete_empty(session)
        people.choose_covers(session)


def delete(postgres, chance, video_ids, owners, space) -> None:  # type: ignore[no-untyped-def]
    with postgres.write() as session:
        number = session.scalar(select(func.count(Video.id)))
        if number > 2:
            videos.remove(session, chance.choice(video_ids))
            people.delete_empty(session)
            people.choose_covers(session)


def rename(postgres, chance, video_ids, owners, space) -> None:  # type: ignore[no-untyped-def]
    with postgres.write() as session:
        journal = Journal(session, "rename", "Named")
        person = people.get(session, chance.choice(owners))
        if person is not None:
            journal.set(person, name=f"Name {chance.random()}")
        journal.close()
    with postgres.write() as session:
        for job in session.scalars(select(Job.id).order_by(Job.created_at, Job.id).limit(2)):
            jobs.request_cancel(session, job)
