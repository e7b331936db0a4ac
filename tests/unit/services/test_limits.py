from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import DiskFullError, TooLargeError
from app.services import limits
from app.services.context import Context
from app.services.limits import LOOK_EVERY, LOW_BYTES, DiskState, Room, check_library, disk_state, library_bytes
from app.services.uploads import UploadSink, begin_upload
from tests.library import Library, make_context


def temp_files(context: Context) -> list[Path]:
    return [path for path in context.settings.temp_folder.rglob("*") if path.is_file()]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Says how much is free; a disk of its own cannot be had without root."""
    told = {"bytes": 10**12}
    monkeypatch.setattr(limits, "free_bytes", lambda _folder: told["bytes"])
    return told


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(make_context(tmp_path, max_library_gb=0.001, min_free_disk_mb=100, max_video_size_mb=100))


def test_the_library_is_what_its_own_videos_take(library: Library) -> None:
    library.video(data=b"x" * 1000)
    library.video(data=None, local_path="/elsewhere/film.mp4", size_bytes=10**9)
    with library.context.database.session() as session:
        assert library_bytes(session) == 1000


def test_a_full_library_takes_nothing_more(library: Library) -> None:
    library.video(data=b"x" * 600_000)
    with pytest.raises(TooLargeError, match=r"limit is 0\.001 GB") as caught:
        begin_upload(library.context, "film.mp4", expected=500_000)
    assert caught.value.limit_bytes == 1_000_000
    sink = begin_upload(library.context, "film.mp4")
    sink.write(b"x" * 300_000)
    with pytest.raises(TooLargeError, match="MAX_LIBRARY_GB"):
        sink.write(b"x" * 300_000)
    assert temp_files(library.context) == []


def test_the_last_word_is_in_the_transaction_that_files(library: Library) -> None:
    library.video(data=b"x" * 600_000)
    with library.context.database.write() as session:
        check_library(library.context, session, 400_000)
        with pytest.raises(TooLargeError):
            check_library(library.context, session, 400_001)


def test_the_reserve_of_the_disk_is_never_touched(library: Library, free: dict[str, int]) -> None:
    free["bytes"] = 100_500_000
    with pytest.raises(DiskFullError, match=r"100 MB are free, and 100 MB of it stay free \(MIN_FREE_DISK_MB\)"):
        begin_upload(library.context, "film.mp4", expected=900_000)
    Room(library.context, 900_000, came=500_000)  # of which this much lies there already


def test_the_disk_is_looked_at_again_while_bytes_come(tmp_path: Path, free: dict[str, int]) -> None:
    context = make_context(tmp_path, min_free_disk_mb=100, max_video_size_mb=100)
    sink = begin_upload(context, "film.mp4")
    sink.write(b"x" * (LOOK_EVERY // 2))
    free["bytes"] = 99_000_000
    with pytest.raises(DiskFullError):
        sink.write(b"x" * LOOK_EVERY)
    assert temp_files(context) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device here that is always full")
def test_a_disk_that_is_full_after_all(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "full"
    path.symlink_to("/dev/full")
    sink = UploadSink(path, "film.mp4", None, Room(library.context))
    with pytest.raises(DiskFullError, match="disk is full"):
        sink.write(b"x" * 100_000)
    assert not path.is_symlink()
    small = UploadSink(Path("/dev/full"), "film.mp4", None, Room(library.context))
    small.write(b"x")
    with pytest.raises(DiskFullError):
        small.close()


@pytest.mark.parametrize(
    ("free", "warning"),
    [
        (10**12, None),
        (LOW_BYTES + 400_000_000, "The disk is nearly full: 2400 MB are free."),
        (499_000_000, "The disk is full: 499 MB are free. New videos are refused until there is room."),
    ],
)
def test_people_are_warned_in_time(free: int, warning: str | None) -> None:
    assert DiskState(free, 500_000_000).warning == warning


def test_the_fullest_disk_counts(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = library.context.settings.upload_folder
    monkeypatch.setattr(limits, "free_bytes", lambda folder: 5 if folder == uploads else 10**12)
    assert disk_state(library.context).free == 5
