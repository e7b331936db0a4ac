from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from app.errors import DiskFullError
from app.storage.blobs.cache import LocalCopies
from app.storage.blobs.store import BlobInfo


def blob(name: str, size: int = 100, etag: str = "1") -> BlobInfo:
    return BlobInfo(f"videos/{name}/a.mp4", size, 0.0, etag)


def fill(path: Path) -> None:
    path.write_bytes(b"x" * 100)


def fail(_path: Path) -> None:
    raise AssertionError("fetched although it was there")


def files(folder: Path) -> int:
    return sum(1 for path in folder.iterdir() if not path.name.startswith("l-"))


def test_a_copy_stays_until_the_room_is_needed(tmp_path: Path) -> None:
    copies = LocalCopies(tmp_path, 250)
    for name in ("a", "b"):
        with copies.use(blob(name), fill) as path:
            assert path.read_bytes() == b"x" * 100
        os.utime(path, (1_000_000, 1_000_000))
    with copies.use(blob("a"), fail):  # which makes b the one that was used least recently
        pass
    with copies.use(blob("c"), fill):
        pass
    assert files(tmp_path) == 2
    with copies.use(blob("a"), fail), copies.use(blob("c"), fail):
        pass


def test_what_is_in_use_stays_even_where_there_is_no_room(tmp_path: Path) -> None:
    copies = LocalCopies(tmp_path, 0)
    with copies.use(blob("a"), fill) as first:
        with copies.use(blob("b"), fill) as second:
            assert first.exists() and second.exists()
        assert first.exists() and not second.exists()
        assert copies.clean(-1) == 0
    assert files(tmp_path) == 0


def test_a_replaced_blob_is_fetched_anew(tmp_path: Path) -> None:
    copies = LocalCopies(tmp_path, 1000)
    with copies.use(blob("a"), fill):
        pass
    with copies.use(blob("a", etag="2"), lambda path: (path.write_bytes(b"new"), None)[1]) as path:
        assert path.read_bytes() == b"new"


def test_a_download_that_fails_leaves_nothing(tmp_path: Path) -> None:
    copies = LocalCopies(tmp_path, 1000)

    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskFullError), copies.use(blob("a"), full):
        pass
    assert files(tmp_path) == 0
    with copies.use(blob("a"), fill) as path:
        assert path.stat().st_size == 100


def _die_half_way(path: Path) -> None:
    path.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)


def _use(folder: Path, download) -> None:
    with LocalCopies(folder, 1000).use(blob("a"), download):
        pass


def test_the_half_of_a_killed_process_is_never_seen(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_use, args=(tmp_path, _die_half_way))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    copies = LocalCopies(tmp_path, 1000)
    with copies.use(blob("a"), fill) as path:
        assert path.stat().st_size == 100
    assert copies.clean(-1) == 2  # the half and the copy that nobody uses
    assert list(tmp_path.iterdir()) == []
