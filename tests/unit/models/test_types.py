"""The column types of our own, and what every table promises, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from app.domain import JobKind, JobState, VideoOrigin
from app.models import Base, Job, Person, Video, utc_now
from app.storage.database import Database

NOON = datetime(2026, 3, 29, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment",
    [NOON, NOON.astimezone(timezone(timedelta(hours=9))), NOON.astimezone(timezone(timedelta(hours=-3, minutes=-30)))],
    ids=["utc", "tokyo", "st john's"],
)
def test_a_moment_comes_back_the_same_in_utc(database: Database, moment: datetime) -> None:
    with database.write() as session:
        session.add(Person(id=1, created_at=moment))
    with database.session() as session:
        stored = session.get_one(Person, 1).created_at
        assert stored == NOON and stored.tzinfo is UTC
        assert session.scalar(select(Person.id).where(Person.created_at == moment)) == 1
        assert session.scalar(select(Person.id).where(Person.created_at < moment + timedelta(microseconds=1))) == 1
        assert session.scalar(select(Person.id).where(Person.created_at > moment)) is None


def test_moments_are_ordered_across_a_change_of_the_clocks(database: Database) -> None:
    moments = [NOON + timedelta(minutes=20 * number) for number in range(12)]
    with database.write() as session:
        for number, moment in reversed(list(enumerate(moments))):
            session.add(Person(id=number + 1, created_at=moment.astimezone(timezone(timedelta(hours=number % 5)))))
    with database.session() as session:
        assert session.scalars(select(Person.id).order_by(Person.created_at)).all() == list(range(1, 13))


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="time zone"), database.write() as session:
        session.add(Person(created_at=datetime(2026, 1, 1)))
        session.flush()


def test_words_come_back_as_members(database: Database) -> None:
    with database.write() as session:
        session.add(Job(id="1", kind=JobKind.CLUSTER))
        session.add(Video(file_name="a", title="a", origin=VideoOrigin.URL))
    with database.session() as session:
        job, video = session.get_one(Job, "1"), session.scalars(select(Video)).one()
        assert job.state is JobState.QUEUED and job.kind is JobKind.CLUSTER and video.origin is VideoOrigin.URL
        assert session.scalar(text("SELECT state FROM job")) == "queued"
        assert session.scalars(select(Job.id).where(Job.state.in_([JobState.QUEUED, JobState.RUNNING]))).all() == ["1"]


def test_a_word_that_does_not_exist_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="asleep"), database.write() as session:
        session.add(Job(id="1", kind=JobKind.CLUSTER, state="asleep"))


def test_a_change_is_stamped(database: Database) -> None:
    with database.write() as session:
        session.add(Person(id=1, updated_at=NOON))
    with database.write() as session:
        session.get_one(Person, 1).name = "Ada"
    with database.session() as session:
        assert abs(session.get_one(Person, 1).updated_at - utc_now()) < timedelta(minutes=1)


def test_json_and_emptiness_survive(database: Database) -> None:
    with database.write() as session:
        session.add(Job(id="1", kind=JobKind.CLUSTER, params={"interval": 0.5, "name": "Ж", "list": [1, None]}))
        session.add(Job(id="2", kind=JobKind.PROCESS_VIDEO))
    with database.session() as session:
        assert session.get_one(Job, "1").params == {"interval": 0.5, "name": "Ж", "list": [1, None]}
        assert session.get_one(Job, "2").params == {} and session.get_one(Job, "2").total is None


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
def test_every_constraint_has_a_name_that_migrations_can_use(table: str) -> None:
    for constraint in Base.metadata.tables[table].constraints:
        assert constraint.name, constraint
    for index in Base.metadata.tables[table].indexes:
        assert index.name, index


def test_every_reference_says_what_happens_on_deletion() -> None:
    rules = {
        f"{table.name}.{key.parent.name}": key.ondelete
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
    }
    assert rules == {
        "face.person_id": "SET NULL",
        "face.space_id": None,  # a space is never deleted while it has faces
        "face.track_id": "SET NULL",
        "face.video_id": "CASCADE",
        "job.parent_id": "CASCADE",
        "job.video_id": "CASCADE",
        "job_log.job_id": "CASCADE",
        "link_rule.other_person_id": "CASCADE",
        "link_rule.other_track_id": "CASCADE",
        "link_rule.person_id": "CASCADE",
        "link_rule.track_id": "CASCADE",
        "person_event_person.event_id": "CASCADE",
        "picture.video_id": "CASCADE",
        "track.person_id": "SET NULL",
        "track.space_id": None,
        "track.video_id": "CASCADE",
        "staged_face.face_id": "CASCADE",
        "upload.video_id": "SET NULL",
        "video_source.video_id": "CASCADE",
    }
