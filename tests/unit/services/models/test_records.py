from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from app.services.models.records import FILE_NAME, Record, Records

RECORD = Record(10, "ab" * 32, 123, "https://example.org/x")


def test_what_was_put_is_found_again(tmp_path: Path) -> None:
    assert Records(tmp_path / "new").get("x") is None
    Records(tmp_path / "new").put("x", RECORD)
    assert Records(tmp_path / "new").get("x") == RECORD
    assert Records(tmp_path / "new").get("y") is None


def test_failures_are_remembered_and_forgotten(tmp_path: Path) -> None:
    records = Records(tmp_path)
    assert records.failure() is None
    records.note_failure("No network.")
    failure = records.failure()
    assert failure is not None and failure.message == "No network." and abs(failure.at - time.time()) < 60
    records.forget_failure()
    assert records.failure() is None


def test_refusals_belong_to_a_space(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.refuse("one", "It sees nobody.")
    assert (records.refusal("one"), records.refusal("two")) == ("It sees nobody.", None)
    records.refuse("one", None)
    assert records.refusal("one") is None


def test_what_was_tried_belongs_to_a_space(tmp_path: Path) -> None:
    records = Records(tmp_path)
    assert records.tried("one") is None
    records.note_tried("one", "ab cd")
    assert (records.tried("one"), records.tried("two")) == ("ab cd", None)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"files": []}', '{"files": {"x": {"size": 1}}, "failure": 3}', '{"files": {"x": 7}}'],
)
def test_a_damaged_file_is_as_good_as_none_and_is_mended(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    records = Records(tmp_path)
    assert records.get("x") is None
    assert records.failure() is None
    records.put("x", RECORD)
    assert records.get("x") == RECORD


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    records = Records(tmp_path / "file")
    records.put("x", RECORD)
    assert records.get("x") is None


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    names = [str(number) for number in range(12)]
    threads = [threading.Thread(target=Records(tmp_path).put, args=(name, RECORD)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [Records(tmp_path).get(name) for name in names] == [RECORD] * 12
