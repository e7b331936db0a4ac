"""``faaaaaces people``, ``person``, ``history`` and ``undo``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from tests.library import Library, make_context

Command = Callable[..., Result]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Ada with two tracks and Bob with one."""
    made = Library(make_context(tmp_path))
    video = made.video()
    ada, bob = made.person("Ada"), made.person("Bob")
    made.track(video, ada, [1.0, 2.0])
    made.track(video, ada, [9.0])
    made.track(video, bob, [20.0])
    return made


@pytest.fixture
def faaaaaces(tmp_path: Path, library: Library) -> Command:
    env = {"FAAAAACES_DATA": str(tmp_path), "COLUMNS": "120"}
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words], env=env)


def told(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def people(faaaaaces: Command, *options: str) -> list[dict[str, Any]]:
    return json.loads(told(faaaaaces("people", "--json", *options)))  # type: ignore[no-any-return]


def test_facts_by_name_and_what_is_told_of_them(faaaaaces: Command) -> None:
    assert told(faaaaaces("person", "rename", "ada", "Ada Lovelace")) == (
        "Named Ada Ada Lovelace.\nTo take it back: faaaaaces undo 1\n"
    )
    told(
        faaaaaces("person", "set", "1", "--alias", "Countess", "--notes", "First", "--born", "1815-12-10", "--cover", 3)
    )
    told(faaaaaces("person", "favourite", "Countess"))
    assert told(faaaaaces("person", "show", "countess")).splitlines() == [
        "Ada Lovelace (person 1)",
        "  seen: 3 faces in 1 video, 3.0 s",
        "  other names: Countess",
        "  born: 1815-12-10",
        "  marks: favourite",
        "  notes: First",
    ]
    shown = json.loads(told(faaaaaces("person", "show", "1", "--json")))
    assert (shown["name"], shown["aliases"], shown["notes"]) == ("Ada Lovelace", ["Countess"], "First")
    assert told(faaaaaces("person", "favourite", "1")) == "Nothing to change.\n"


def test_lists_leave_hidden_people_out(faaaaaces: Command) -> None:
    told(faaaaaces("person", "hide", "Ada"))
    told(faaaaaces("person", "ignore", "Bob"))
    assert people(faaaaaces) == []
    assert [person["name"] for person in people(faaaaaces, "--only", "hidden")] == ["Ada"]
    told(faaaaaces("person", "unhide", "Ada"))
    told(faaaaaces("person", "unignore", "Bob"))
    assert [person["name"] for person in people(faaaaaces, "--search", "BO")] == ["Bob"]
    assert "Ada" in told(faaaaaces("people"))


def test_faces_go_to_and_fro_and_everything_is_undone(faaaaaces: Command) -> None:
    before = people(faaaaaces)
    for words in (
        ("move", "Bob", "--track", 2),
        ("new", "--face", 1, "--name", "Eve"),
        ("confirm", "Ada", "--face", 2),
        ("remove", "--face", 2),
        ("dismiss", "--face", 4),
        ("different", "Ada", "Bob", "Eve"),
        ("merge", "Bob", "Eve", "--name", "Both"),
        ("delete", "Both"),
    ):
        assert "To take it back" in told(faaaaaces("person", *words))
    assert [person["faces"] for person in people(faaaaaces)] == [0]
    listed = told(faaaaaces("history"))
    assert "Deleted Both" in listed
    assert len(json.loads(told(faaaaaces("person", "history", "2", "--json")))) == 5
    for _ in range(8):
        assert "Undone." in told(faaaaaces("undo"))
    assert people(faaaaaces) == before
    assert faaaaaces("undo").stderr == "faaaaaces: There is nothing to undo.\n"


def test_a_mixed_group_is_listed_and_taken_apart(faaaaaces: Command) -> None:
    told(faaaaaces("person", "merge", "Ada", "Bob"))
    groups = json.loads(told(faaaaaces("person", "split", "Ada", "--json")))["groups"]
    assert sum(group["faces"] for group in groups) == 4
    assert "group" in told(faaaaaces("person", "split", "Ada"))
    assert "Split Robert from Ada" in told(faaaaaces("person", "split", "Ada", "--take", 2, "--name", "Robert"))
    assert {person["name"] for person in people(faaaaaces)} == {"Ada", "Robert"}


WRONG = [
    (("person", "show", "Nobody"), "Nobody is called “Nobody”."),
    (("person", "show", "99"), "There is no such person."),
    (("person", "merge", "Ada", "Ada"), "Choose at least two different people to merge."),
    (("person", "move", "Ada"), "Choose at least one face or track."),
    (("person", "split", "Ada", "--take", "9"), "There are groups 1 to"),
    (("person", "set", "Ada", "--born", "today"), "Write the birth date as year-month-day"),
    (("undo", "99"), "There is no such event."),
]


def test_what_cannot_be_is_one_line_of_words(faaaaaces: Command) -> None:
    for words, said in WRONG:
        result = faaaaaces(*words)
        assert result.exit_code == 1, words
        assert result.stderr.startswith(f"faaaaaces: {said}")


def test_a_name_that_two_have_is_told(faaaaaces: Command) -> None:
    told_ = told(faaaaaces("person", "rename", "Bob", "ADA"))
    assert "The same person? faaaaaces person merge 2 1" in told_
    assert "Several people are called “ada”: 1, 2. Use the number." in faaaaaces("person", "show", "ada").stderr
