"""New tracks join, found or wait as soon as their video is linked, and nothing that a user said is broken."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.domain import RuleKind
from app.errors import JobLostError
from app.models import PersonEvent
from app.services.context import Context
from app.services.grouping import newcomers, place_newcomers
from app.storage.journal import undo
from tests.unit.services.grouping.conftest import APART, SAME, Free, House


def test_a_new_track_joins_founds_or_waits(house: House) -> None:
    ada = house.person("Ada")
    old = house.track(0, ada)
    video = house.video()
    joins, founds = house.track(SAME, video=video), house.track(APART, video=video)
    poor = house.track(0, plane=3, video=video, usable=False)
    assert house.place(video) == 2
    owner = house.whose(founds)[0]
    assert house.whose(old, joins, poor) == [ada, ada, None]
    assert owner not in (None, ada)
    assert house.faces_follow()
    assert house.events() == []  # they were nobody's: there is nothing to undo


def test_two_new_tracks_of_one_person_found_one(house: House) -> None:
    video = house.video()
    tracks = house.track(0, video=video), house.track(SAME, video=video)
    house.place(video)
    assert len(set(house.whose(*tracks))) == 1
    assert len(house.people()) == 1


def test_a_poor_track_that_waited_joins_when_somebody_like_it_comes(house: House) -> None:
    first, second = house.video(), house.video()
    poor = house.track(0, video=first, usable=False)
    house.place(first)
    assert house.whose(poor) == [None]
    good = house.track(5, video=second)
    house.place(second)
    assert house.whose(poor) == house.whose(good) != [None]


def test_two_faces_of_one_frame_stay_two(house: House) -> None:
    ada = house.person("Ada")
    house.track(0, ada)
    video = house.video()
    near, nearer = house.track(8, video=video, at=1.0), house.track(2, video=video, at=1.0)
    house.place(video)
    assert house.whose(nearer) == [ada]
    assert house.whose(near)[0] not in (None, ada)


def test_a_track_of_somebody_large_keeps_others_of_its_frame_out(house: House) -> None:
    ada = house.person("Ada")
    video = house.video()
    house.track(0, ada, video=video, at=7.0)
    new = house.track(1, video=video, at=7.0)
    house.place(video)
    assert house.whose(new)[0] not in (None, ada)


def test_a_named_person_gains_but_never_loses_or_merges(house: House) -> None:
    ada, bob = house.person("Ada"), house.person("Bob")
    old = house.track(0, ada), house.track(14, bob)
    video = house.video()
    between = house.track(6, video=video)
    house.place(video)
    assert house.whose(*old) == [ada, bob]
    assert house.whose(between) == [ada]


def test_not_this_person(house: House) -> None:
    ada = house.person("Ada")
    house.track(0, ada)
    video = house.video()
    new = house.track(1, video=video)
    house.rule(RuleKind.DIFFERENT, track_id=new, person_id=ada)
    house.place(video)
    assert house.whose(new)[0] not in (None, ada)


def test_what_looked_right_before_is_put_right_and_can_be_undone(house: House) -> None:
    x, y = house.person(), house.person()
    left, right = house.track(0, x), house.track(24, y)
    video = house.video()
    between = house.track(12, video=video)
    house.place(video)
    (owner,) = set(house.whose(left, between))  # 0 and 24 are too far apart for all three
    assert house.whose(right) == [y]
    assert owner == x

    close = house.video()
    more = [house.track(degrees, video=close) for degrees in (8, 10, 14, 16)]
    house.place(close)
    assert len(set(house.whose(left, right, between, *more))) == 1
    assert house.events() == ["grouping"]
    assert len(house.people()) == 1
    with house.context.database.write() as session:
        undo(session, session.get_one(PersonEvent, 1))
    assert house.whose(left, right) == [x, y]
    assert house.faces_follow()


def test_somebody_named_does_not_swallow_others_without_a_look(house: House) -> None:
    ada, stranger = house.person("Ada"), house.person()
    old = house.track(0, ada), house.track(24, stranger)
    video = house.video()
    between = [house.track(degrees, video=video) for degrees in (8, 10, 14, 16)]
    house.place(video)
    assert house.whose(*old) == [ada, stranger]
    assert set(house.whose(*between)) <= {ada, stranger}


def test_a_job_that_was_lost_writes_nothing(house: House) -> None:
    class Lost(Free):
        def fence(self, session: Session) -> None:
            raise JobLostError("Another process took this work over.")

    video = house.video()
    track = house.track(0, video=video)
    with pytest.raises(JobLostError):
        place_newcomers(house.context, Lost(), video)
    assert house.whose(track) == [None]
    assert house.people() == set()


def test_somebody_who_was_founded_meanwhile_is_seen(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = house.video(), house.video()
    one, other = house.track(0, video=first), house.track(SAME, video=second)
    look, others = newcomers._decide, [first]

    def look_and_be_late(context: Context, video: int) -> object:
        found = look(context, video)
        while others:  # another worker places its video after this one has looked around
            house.place(others.pop())
        return found

    monkeypatch.setattr(newcomers, "_decide", look_and_be_late)
    house.place(second)
    assert house.whose(one) == house.whose(other)
    assert len(house.people()) == 1
