from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.domain import RuleKind, RunState
from app.models import ClusteringRun, Face, LinkRule, Person, ReviewQuestion, Track
from app.services.context import Context
from app.services.doctor import examine
from app.services.erase import delete_video
from tests.library import Library, make_context
from tests.unit.services.doctor.conftest import Examine, codes, rows_of


@pytest.fixture
def decided(tmp_path: Path, database_url: str) -> Library:
    """Two people in a video; the first is confirmed, somebody else in another video is not them."""
    library = Library(make_context(tmp_path, database_url=database_url))
    one, two = library.video("One"), library.video("Two")
    ada, bob, cat = library.person("Ada"), library.person(), library.person()
    library.track(one, ada, [1.0, 2.0])
    library.track(one, bob, [3.0])
    library.track(two, cat, [1.0])
    with library.context.database.write() as session:
        first, second, third = session.scalars(select(Track.id).order_by(Track.id))
        session.execute(update(Track).where(Track.id == first).values(confirmed=True))
        session.add_all(
            [
                LinkRule(kind=RuleKind.DIFFERENT, track_id=first, other_track_id=third),
                LinkRule(kind=RuleKind.DIFFERENT, track_id=third, person_id=ada),
                LinkRule(kind=RuleKind.DIFFERENT, person_id=ada, other_person_id=bob),
                LinkRule(kind=RuleKind.SAME, track_id=first, other_track_id=second),
                _question(f"p{ada}-p{bob}", person_id=ada, other_person_id=bob),
                _question(f"t{third}-p{ada}", person_id=ada, track_id=third),
            ]
        )
    return library


def _question(pair: str, **values: int) -> ReviewQuestion:
    return ReviewQuestion(pair=pair, similarity=50.0, value=1.0, **values)


def test_what_fits_is_left_alone(decided: Library) -> None:
    before = rows_of(decided.context)
    assert codes(examine(decided.context)) == []
    assert rows_of(decided.context) == before
    decided.context.database.dispose()


def test_what_is_said_about_nobody_is_removed(decided: Library) -> None:
    context = decided.context
    with context.database.write() as session:
        first, second, third = session.scalars(select(Track).order_by(Track.id))
        session.add(LinkRule(kind=RuleKind.SAME, track_id=first.id))
        session.add(LinkRule(kind=RuleKind.SAME, track_id=first.id, person_id=first.person_id))
        session.add(LinkRule(kind=RuleKind.DIFFERENT, track_id=first.id, other_track_id=first.id))
        session.add(_question("p9998-p9999", person_id=9998, other_person_id=9999))
        session.add_all([ClusteringRun(state=RunState.PREVIEW, plan=b"old"), ClusteringRun(state=RunState.APPLIED)])
        session.add(ClusteringRun(state=RunState.PREVIEW, plan=b"new"))
        first.confirmed = second.confirmed = third.confirmed = True
        third.person_id = None
        session.execute(update(Face).where(Face.track_id == third.id).values(person_id=None, dismissed=True))
        second.person_id = None
        session.execute(update(Face).where(Face.track_id == second.id).values(person_id=None))
        session.execute(
            update(Person).where(Person.id == first.person_id).values(cover_face_id=None, cover_chosen=True)
        )
    found = {"broken_rules", "confirmed_for_nobody", "dismissed_in_tracks", "lost_choices"}
    found |= {"questions_about_nobody", "stale_previews"}
    assert found | {"empty_tracks"} <= set(codes(examine(context)))
    assert codes(examine(context)) == []
    with context.database.session() as session:
        assert len(session.scalars(select(LinkRule)).all()) <= 4
        states = session.scalars(select(ClusteringRun.state).order_by(ClusteringRun.id)).all()
        assert states == [RunState.DISCARDED, RunState.APPLIED, RunState.PREVIEW]
    context.database.dispose()


def test_a_deleted_video_leaves_no_loose_ends(decided: Library) -> None:
    context = decided.context
    with context.database.session() as session:
        video = session.scalars(select(Track.video_id).order_by(Track.id)).first()
    delete_video(context, video or 0)
    with context.database.session() as session:
        kinds = [(rule.kind, rule.track_id is None) for rule in session.scalars(select(LinkRule))]
        assert kinds == [(RuleKind.DIFFERENT, False)]  # that somebody in the other video is not Ada
        assert len(session.scalars(select(ReviewQuestion)).all()) == 1
        assert [person.name for person in session.scalars(select(Person).order_by(Person.id))] == ["Ada", None]
    assert codes(examine(context)) == []
    context.database.dispose()


def test_rules_about_rows_that_are_gone(library: Context, look: Examine) -> None:
    """A database that was edited by hand, or whose foreign keys were off."""
    with library.database.write() as session:
        track = session.scalars(select(Track.id)).first()
        session.add(LinkRule(kind=RuleKind.DIFFERENT, track_id=track, person_id=1))
    path = library.database.engine.url.database or ""
    with closing(sqlite3.connect(path)) as connection, connection:  # foreign keys are off unless asked for
        connection.execute("UPDATE link_rule SET person_id = 9999")
    assert codes(look()) == ["broken_rules"]
    assert look().findings == []
