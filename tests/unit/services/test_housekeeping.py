from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.errors import StorageError
from app.services import housekeeping
from app.services.housekeeping import clean_up
from tests.library import make_context


def test_what_nobody_touched_goes(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    old, young = context.blobs.new_temp(), context.blobs.new_temp()
    context.blobs.write("exports/job/faces.csv", b"")
    with context.blobs.local_copy("exports/job/faces.csv") as export:
        for path in (old, export):
            os.utime(path, (1_000_000, 1_000_000))
    assert clean_up(context) == 2
    assert (old.exists(), export.exists(), young.exists()) == (False, False, True)
    assert clean_up(context) == 0


def test_one_failure_does_not_keep_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_context: object) -> int:
        raise StorageError("away")

    monkeypatch.setattr(housekeeping, "STEPS", (fails, lambda _context: 1))
    assert clean_up(make_context(tmp_path)) == 1
