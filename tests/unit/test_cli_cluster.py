"""Groupings by command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from tests.alike import Crowd, alike, stranger
from tests.library import Library, make_context

ADA = stranger(1)


@pytest.fixture
def crowd(tmp_path: Path) -> Crowd:
    crowd = Crowd(Library(make_context(tmp_path)))
    crowd.person(ADA, 2, name="Ada")
    return crowd


def run(crowd: Crowd, *arguments: str) -> Result:
    environment = {"FAAAAACES_DATA": str(crowd.library.context.settings.faaaaaces_data), "DATABASE_URL": ""}
    return CliRunner().invoke(main, list(arguments), env={**environment, "COLUMNS": "200"})


def test_a_grouping_that_needs_no_look(crowd: Crowd) -> None:
    crowd.track(alike(ADA, 0.99), None, crowd.library.video())
    assert run(crowd, "cluster").output == "1 people in 3 tracks; 0 new, 1 tracks changed hands.\n"
    told = json.loads(run(crowd, "cluster", "--json").output)
    assert {name: told[name] for name in ("tracks", "people", "new_people", "changed")} == {
        "tracks": 3,
        "people": 1,
        "new_people": 0,
        "changed": 0,
    }
    assert "track changes hands" in run(crowd, "clustering", "list").output
    assert run(crowd, "clustering", "undo", "1").output == "Undone.\n"
    refused = run(crowd, "clustering", "undo", "1")
    assert (refused.exit_code, "only one that is applied" in refused.output) == (1, True)


def test_a_preview_is_shown_applied_and_discarded(crowd: Crowd) -> None:
    crowd.person(alike(ADA, 0.99))
    waits = run(crowd, "cluster").output
    assert "It waits for your look" in waits
    assert "faaaaaces clustering apply 1" in waits
    shown = run(crowd, "clustering", "show", "1").output
    assert "Join others:\n  person 2 -> Ada: 1 faces in 1 tracks\n" in shown
    assert json.loads(run(crowd, "clustering", "show", "1", "--json").output)["counts"]["merges"] == 1
    assert run(crowd, "clustering", "discard", "1").output == "Discarded: nothing changed.\n"
    again = run(crowd, "cluster").output
    assert "0 tracks changed hands" in again
    assert "waits" not in again
    assert "It waits for your look" in run(crowd, "cluster", "--preview").output
    assert run(crowd, "clustering", "apply", "3").output == "Applied: 1 tracks changed hands.\n"
    (newest, *_) = json.loads(run(crowd, "clustering", "list", "--json").output)
    assert (newest["run_id"], newest["state"]) == (3, "applied")


def test_before_the_first_grouping(crowd: Crowd) -> None:
    assert "has not been grouped yet" in run(crowd, "clustering", "list").output
    assert run(crowd, "clustering", "show", "5").exit_code == 1
