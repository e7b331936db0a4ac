"""``faaaaaces search`` and ``faaaaaces duplicates``, without a picture being looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from tests.library import make_context
from tests.unit.services.search.conftest import Faces, face_like


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Faces:
    monkeypatch.setenv("FAAAAACES_DATA", str(tmp_path))
    monkeypatch.setenv("FACE_PACK", "bundled")
    return Faces(make_context(tmp_path))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_face_or_a_person_of_the_library_can_be_asked_with(library: Faces) -> None:
    ada = library.person("Ada")
    first, second = library.add(face_like(1), face_like(1, 0.05), person=ada)
    other = library.add(face_like(2), person=library.person("Grace"))[0]
    found = json.loads(run("search", "--face-id", first, "--json").stdout)
    assert [moment["face_id"] for moment in found["moments"]] == [second, other]
    assert found["people"][0]["name"] == "Ada"
    printed = run("search", "--face-id", first, "--min-similarity", 50, "--one-per", "video").stdout
    assert "Ada" in printed
    assert "Grace" not in printed
    limited = json.loads(run("search", "--face-id", first, "--video", library.video_of(other), "--json").stdout)
    assert [moment["face_id"] for moment in limited["moments"]] == [other]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["search"], 2, "Name a picture"),
        (["search", "who.jpg", "--face-id", "1"], 2, "Name a picture"),
        (["search", "who.jpg"], 2, "no file who.jpg"),
        (["search", "--face-id", "77"], 1, "no such face"),
        (["search", "--person-id", "77"], 1, "no such person"),
        (["search", "--face-id", "1", "--top", "0"], 1, "between 1 and 1000"),
        (["search", "--face-id", "1", "--after", "tomorrow"], 2, "tomorrow"),
        (["duplicates", "--video", "5"], 1, "no such video"),
    ],
)
def test_mistakes_are_said(library: Faces, arguments: list[str], status: int, words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == status
    assert words in result.stderr


def test_no_duplicates_are_said(library: Faces) -> None:
    assert "No two videos" in run("duplicates").stdout
    assert json.loads(run("duplicates", "--json").stdout) == []
