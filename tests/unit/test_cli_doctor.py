from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from tests.library import Library, make_context


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(make_context(tmp_path))
    library.video()
    return library


def doctor(library: Library, *options: str) -> Result:
    environment = {"FAAAAACES_DATA": str(library.context.settings.faaaaaces_data), "DATABASE_URL": ""}
    return CliRunner().invoke(main, ["doctor", *options], env=environment)


def test_all_is_well(library: Library) -> None:
    result = doctor(library)
    assert (result.exit_code, result.output) == (0, "All is well.\n")


def test_what_is_repaired(library: Library) -> None:
    library.job(None)
    foreseen = doctor(library, "--dry-run")
    assert foreseen.exit_code == 0
    assert foreseen.output == "1 job of a video that was deleted is to be ended.\nNothing was changed.\n"
    assert doctor(library).output == "1 job of a video that was deleted was ended.\n"
    assert doctor(library).output == "All is well.\n"


def test_what_cannot_be_repaired(library: Library) -> None:
    library.context.blobs.delete_tree("videos/1")
    result = doctor(library, "--json")
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert (report["ok"], report["dry_run"]) == (False, False)
    assert [(one["code"], one["count"], one["result"]) for one in report["findings"]] == [
        ("lost_files", 1, "not_repaired")
    ]
    assert doctor(library).exit_code == 0  # the video's page says it by now
