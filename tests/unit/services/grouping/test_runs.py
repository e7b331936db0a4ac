"""Groupings of the library: applied at once or after a look, undone, and never against what a user said."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.domain import RuleKind, RunState
from app.errors import ConflictError, NotFoundError
from app.models import Face, LinkRule, Person
from app.services.grouping import cluster_library, request_clustering
from app.services.grouping.runs import apply_run, discard_run, get_run, list_runs, undo_run, waiting_run
from app.services.jobs import get_job, run_job
from app.storage import clustering_runs
from tests.unit.services.grouping.conftest import APART, SAME, House


@pytest.fixture
def split(house: House) -> tuple[House, int, int, list[int]]:
    """Ada, whose second half is somebody without a name."""
    ada, stranger = house.person("Ada"), house.person()
    tracks = [house.track(0, ada), house.track(2, ada), house.track(4, stranger), house.track(6, stranger)]
    return house, ada, stranger, tracks


def test_what_changes_nobody_with_a_name_is_done_at_once(house: House) -> None:
    one, other = house.person(), house.person()
    tracks = [house.track(0, one, faces=3), house.track(SAME, other), house.track(APART)]
    summary = cluster_library(house.context)
    assert (summary.tracks, summary.people, summary.new_people, summary.changed) == (3, 2, 1, 2)
    assert summary.waiting is None
    assert house.whose(*tracks)[:2] == [one, one]
    assert other not in house.people()
    assert house.faces_follow()
    run = get_run(house.context, summary.run_id or 0)
    assert run.state is RunState.APPLIED
    assert run.summary["counts"] == {"merges": 1, "splits": 0, "gains": 0, "losses": 0, "appearances": 1}
    assert run.summary["merges"][0]["from"]["person_id"] == other
    assert len(run.crops) == 2
    assert cluster_library(house.context).changed == 0
    assert house.events() == ["grouping"]


def test_a_run_is_undone_with_everybody_whom_it_removed_and_not_done_again(house: House) -> None:
    one, other = house.person(), house.person()
    tracks = [house.track(0, one, faces=3), house.track(SAME, other), house.track(APART)]
    summary = cluster_library(house.context)
    undone = undo_run(house.context, summary.run_id or 0)
    assert undone.state is RunState.UNDONE
    assert house.whose(*tracks) == [one, other, None]
    assert house.people() == {one, other}
    assert house.faces_follow()
    with pytest.raises(ConflictError):
        undo_run(house.context, undone.id)
    again = cluster_library(house.context)
    assert house.whose(*tracks) == [one, other, None]
    assert get_run(house.context, again.run_id or 0).summary["refused"] == 2
    shown = cluster_library(house.context, preview=True)
    assert get_run(house.context, shown.run_id or 0).summary["tracks_changed"] == 2


def test_undoing_keeps_newer_edits(house: House) -> None:
    one, other, third = house.person(), house.person(), house.person("Carl")
    tracks = [house.track(0, one, faces=3), house.track(SAME, other), house.track(SAME, other)]
    house.track(0, third, plane=2)
    summary = cluster_library(house.context)
    house.give(third, tracks[1])
    undo_run(house.context, summary.run_id or 0)
    assert house.whose(*tracks) == [one, third, other]


def test_what_changes_a_named_person_waits_for_a_look(split) -> None:
    house, ada, stranger, tracks = split
    summary = cluster_library(house.context)
    assert "100 %" in (summary.waiting or "") or "all" in (summary.waiting or "")
    assert house.whose(*tracks) == [ada, ada, stranger, stranger]
    assert house.events() == []
    waits = waiting_run(house.context)
    assert waits is not None
    assert waits.id == summary.run_id
    assert waits.summary["merges"][0]["to"] == {"person_id": ada, "name": "Ada", "faces": 2, "new": None}
    assert cluster_library(house.context).run_id == waits.id  # the same plan goes on waiting
    done = apply_run(house.context, waits.id)
    assert (done.state, done.left_out) == (RunState.APPLIED, 0)
    assert house.whose(*tracks) == [ada] * 4
    assert waiting_run(house.context) is None
    with pytest.raises(ConflictError):
        discard_run(house.context, waits.id)


def test_a_plan_that_was_discarded_is_not_proposed_again(split) -> None:
    house, ada, stranger, tracks = split
    run_id = cluster_library(house.context).run_id or 0
    assert discard_run(house.context, run_id).state is RunState.DISCARDED
    summary = cluster_library(house.context)
    assert summary.waiting is None
    assert house.whose(*tracks) == [ada, ada, stranger, stranger]


def test_a_small_change_of_a_named_person_is_done_at_once(house: House) -> None:
    ada, stranger = house.person("Ada"), house.person()
    tracks = [house.track(0, ada, faces=30), house.track(SAME, stranger)]
    assert cluster_library(house.context).waiting is None
    assert house.whose(*tracks) == [ada, ada]


def test_faces_that_nobody_had_need_no_look(house: House) -> None:
    ada = house.person("Ada")
    tracks = [house.track(0, ada), *(house.track(degrees) for degrees in (1, 2, 3, 4))]
    assert cluster_library(house.context).waiting is None
    assert house.whose(*tracks) == [ada] * 5


def test_a_plan_leaves_out_what_was_edited_since(split) -> None:
    house, ada, _, tracks = split
    poor = house.person()
    other = house.track(0, plane=4, faces=2), house.track(1, poor, plane=4)
    run_id = cluster_library(house.context).run_id or 0
    house.give(ada, tracks[2])
    done = apply_run(house.context, run_id)
    assert done.left_out == 2
    assert house.whose(*tracks)[:3] == [ada] * 3
    assert len(set(house.whose(*other))) == 1


def test_two_names_never_become_one(house: House) -> None:
    ada, bob = house.person("Ada"), house.person("Bob")
    tracks = [house.track(0, ada), house.track(1, bob), house.track(0.2)]
    assert cluster_library(house.context).waiting is None
    assert house.whose(*tracks) == [ada, bob, ada]


def test_a_confirmed_track_holds_its_person_however_the_rest_falls(house: House) -> None:
    ada = house.person("Ada")
    tracks = [house.track(0, ada, confirmed=True), house.track(60, ada, faces=50), house.track(62)]
    run_id = cluster_library(house.context).run_id or 0
    apply_run(house.context, run_id)
    mine, others, new = house.whose(*tracks)
    assert mine == ada
    assert others == new != ada


def test_a_chosen_cover_stays(house: House) -> None:
    ada = house.person("Ada")
    first, second = house.track(0, ada), house.track(1, ada)
    with house.context.database.write() as session:
        cover = session.scalar(select(Face.id).where(Face.track_id == second))
        person = session.get_one(Person, ada)
        person.cover_face_id, person.cover_chosen = cover, True
    house.track(2)
    cluster_library(house.context)
    with house.context.database.session() as session:
        assert session.get_one(Person, ada).cover_face_id == cover
    assert house.whose(first, second) == [ada, ada]


def test_a_kept_person_without_a_face_stays(house: House) -> None:
    facts = ({"notes": "met in Rome"}, {"favourite": True}, {"hidden": True}, {"ignored": True}, {"aliases": ["A."]})
    kept, nobody = {house.person(**fact) for fact in facts}, house.person()
    house.track(0)
    cluster_library(house.context)
    assert kept < house.people()
    assert nobody not in house.people()


def test_contradictory_rules_are_told(house: House) -> None:
    video = house.video()
    one, other = house.track(0, video=video, at=5.0), house.track(90, video=video, at=5.0)
    rule = house.rule(RuleKind.SAME, track_id=one, other_track_id=other)
    summary = cluster_library(house.context)
    assert summary.contradictions == 1
    assert len(set(house.whose(one, other))) == 2
    (told,) = get_run(house.context, summary.run_id or 0).summary["contradictions"]
    assert (told["rule_id"], told["track_ids"]) == (rule, [one, other])


def test_rules_between_tracks_and_people_hold(house: House) -> None:
    ada = house.person("Ada")
    same = house.track(0, ada), house.track(90)
    house.rule(RuleKind.SAME, track_id=same[0], other_track_id=same[1])
    apart = house.track(0, plane=3), house.track(1, plane=3)
    house.rule(RuleKind.DIFFERENT, track_id=apart[0], other_track_id=apart[1])
    not_her = house.track(1)
    house.rule(RuleKind.DIFFERENT, track_id=not_her, person_id=ada)
    cluster_library(house.context)
    assert house.whose(*same) == [ada, ada]
    assert len(set(house.whose(*apart))) == 2
    assert house.whose(not_her)[0] not in (None, ada)


def test_two_who_are_kept_but_not_named_may_be_one_unless_a_rule_says_otherwise(house: House) -> None:
    one, other = house.person(favourite=True), house.person(favourite=True)
    tracks = [house.track(0, one, faces=3), house.track(1, other)]
    rule = house.rule(RuleKind.DIFFERENT, person_id=one, other_person_id=other)
    cluster_library(house.context)
    assert house.whose(*tracks) == [one, other]
    with house.context.database.write() as session:
        session.delete(session.get_one(LinkRule, rule))
    summary = cluster_library(house.context)
    assert house.whose(*tracks) == [one, one]
    assert get_run(house.context, summary.run_id or 0).summary["joined"] == [{"person_id": other, "into": one}]
    assert other in house.people()


def test_a_job_that_asks_for_a_preview(house: House) -> None:
    tracks = [house.track(0), house.track(1)]
    job = request_clustering(house.context)
    assert request_clustering(house.context, preview=True) == job
    run_job(house.context, job)
    waits = waiting_run(house.context)
    assert waits is not None
    assert waits.job_id == job
    assert "waits for your look" in (get_job(house.context, job).note or "")
    assert house.whose(*tracks) == [None, None]


def test_a_newer_plan_takes_the_place_of_one_that_waits(split) -> None:
    house, *_ = split
    first = cluster_library(house.context).run_id or 0
    house.track(50)
    second = cluster_library(house.context).run_id
    assert second != first
    old = get_run(house.context, first)
    assert (old.state, old.summary["superseded"]) == (RunState.DISCARDED, True)
    assert [run.id for run in list_runs(house.context).runs] == [second, first]


def test_a_grouping_that_is_not_there(house: House) -> None:
    for action in (get_run, apply_run, discard_run, undo_run):
        with pytest.raises(NotFoundError):
            action(house.context, 77)


def test_groupings_that_changed_nothing_are_forgotten(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering_runs, "QUIET", 2)
    house.track(0)
    first = cluster_library(house.context).run_id
    last = [cluster_library(house.context).run_id for _ in range(5)][-3:]
    assert [run.id for run in list_runs(house.context).runs] == [*last[::-1], first]
