"""When a file is complete."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.services.settling import Settler, is_being_written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "a.mp4"
    file.write_bytes(b"x")
    return file


def test_a_file_must_stay_as_it_is_for_a_while(path: Path) -> None:
    settler = Settler(3.0)
    settler.touch(path, 10.0)
    settler.touch(path, 12.0)  # an event, and yet nothing changed
    assert settler.settled(12.9) == []
    assert settler.settled(13.0) == [path]
    path.write_bytes(b"xy")
    assert settler.settled(13.1) == []  # found out without an event
    assert settler.settled(16.0) == []
    assert settler.settled(16.1) == [path]
    settler.take([path])
    assert len(settler) == 0


def test_a_file_that_goes_is_forgotten(path: Path) -> None:
    settler = Settler(1.0)
    settler.touch(path, 0.0)
    path.unlink()
    assert settler.settled(2.0) == []
    assert len(settler) == 0
    settler.touch(path, 3.0)
    assert len(settler) == 0


def test_a_delay_makes_it_wait_longer(path: Path) -> None:
    settler = Settler(1.0)
    settler.touch(path, 0.0, delay=60.0)
    assert settler.settled(60.9) == []
    assert settler.settled(61.0) == [path]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_a_file_that_somebody_writes_is_not_complete(path: Path) -> None:
    settler = Settler(1.0)
    with path.open("ab") as file:
        file.write(b"y")
        file.flush()
        settler.touch(path, 0.0)
        assert is_being_written(path)
        assert settler.settled(5.0) == []
    assert not is_being_written(path)
    assert settler.settled(5.5) == []  # counted anew from when it was last seen open
    assert settler.settled(6.0) == [path]
    with path.open("rb"):
        assert not is_being_written(path)
    assert not is_being_written(path.with_name("nothing"))


def test_a_set_is_complete_when_all_of_its_folder_is(path: Path) -> None:
    other = path.with_name("b.jpg")
    other.write_bytes(b"z")
    settler = Settler(1.0)
    settler.touch(path, 0.0)
    settler.touch(other, 0.5)
    assert settler.unsettled_in(path.parent, settler.settled(1.2))
    assert not settler.unsettled_in(path.parent, settler.settled(1.5))
