from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from tests.alike import Crowd, alike, stranger
from tests.library import Library, make_context


@pytest.fixture
def crowd(tmp_path: Path) -> Crowd:
    crowd = Crowd(Library(make_context(tmp_path)))
    crowd.person(stranger(1), name="Ada")
    crowd.person(alike(stranger(1), 0.6), 3)
    return crowd


def review(crowd: Crowd, *options: str) -> Result:
    environment = {"FAAAAACES_DATA": str(crowd.library.context.settings.faaaaaces_data), "DATABASE_URL": ""}
    return CliRunner().invoke(main, ["review", *options], env={**environment, "COLUMNS": "200"})


def test_listed_answered_and_taken_back(crowd: Crowd) -> None:
    listed = review(crowd)
    assert listed.exit_code == 0
    assert "60 %" in listed.output
    assert "1.8 faces" in listed.output
    assert "Ada, 1 face (Launch day," in listed.output
    (question,) = json.loads(review(crowd, "--json").output)
    number = str(question["question_id"])
    assert (question["one"]["name"], question["other"]["person_id"]) == ("Ada", 2)
    assert review(crowd, "--answer", number, "same").output == "3 faces joined Ada.\n"
    assert review(crowd).output == "Nothing to ask. 1 answer so far.\n"
    assert "open again" in review(crowd, "--undo", number).output
    (effect,) = json.loads(review(crowd, "--answer", number, "different", "--json").output)
    assert (effect["answer"], effect["faces"]) == ("different", 0)


def test_what_is_refused(crowd: Crowd) -> None:
    assert review(crowd, "--answer", "1", "perhaps").exit_code == 2
    refused = review(crowd, "--answer", "99", "same")
    assert (refused.exit_code, refused.output) == (1, "faaaaaces: There is no such question.\n")
