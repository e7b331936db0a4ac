from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.errors import BusyError, DiskFullError
from app.storage import partial_files
from app.storage.partial_files import PartialFile

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys, time
from pathlib import Path
from app.storage.partial_files import PartialFile
part = PartialFile(Path(sys.argv[1]))
with part.locked(0):
    for _ in part.append([b"from another process"]):
        print("held", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def part(tmp_path: Path) -> PartialFile:
    return PartialFile(tmp_path / "u-1")


def test_it_grows(part: PartialFile) -> None:
    assert (part.size, part.exists) == (0, False)
    assert list(part.append([b"one", b"two"])) == [b"one", b"two"]
    list(part.append([b"three"]))
    assert part.path.read_bytes() == b"onetwothree"
    part.cut(6)
    part.cut(100)
    assert part.size == 6
    part.remove()
    part.remove()
    assert not part.exists


def test_what_came_before_an_error_stays(part: PartialFile) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"here"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        list(part.append(pieces()))
    assert part.path.read_bytes() == b"here"


def test_a_full_disk_is_said_and_keeps_what_fitted(part: PartialFile, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def write(handle: int, data: bytes) -> int:
        if os.fstat(handle).st_size >= 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data[:3])

    monkeypatch.setattr(partial_files.os, "write", write)
    with pytest.raises(DiskFullError):
        list(part.append([b"twelve bytes"]))
    assert part.path.read_bytes() == b"twelve by"


def test_threads_never_interleave(part: PartialFile) -> None:
    def write(letter: bytes) -> bool:
        try:
            with part.locked(0):
                start = part.size
                list(part.append([letter * 100] * 50))
                return part.size == start + 5000
        except BusyError:
            return False

    with ThreadPoolExecutor(8) as pool:
        written = sum(pool.map(write, [bytes([65 + number]) for number in range(20)]))
    data = part.path.read_bytes()
    assert len(data) == written * 5000 > 0
    assert all(len(set(data[start : start + 5000])) == 1 for start in range(0, len(data), 5000))


def test_another_process_keeps_us_out_until_it_is_killed(part: PartialFile) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(part.path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdin
    assert holder.stdout.readline() == "held\n"
    assert part.is_locked
    with pytest.raises(BusyError), part.locked(0.05):
        pass
    holder.send_signal(signal.SIGKILL)
    with part.locked(30):
        assert part.path.read_bytes() == b"from another process"
    assert not part.is_locked
    holder.wait(30)
    holder.stdin.close()
    holder.stdout.close()


def test_a_lock_that_was_removed_with_its_upload_keeps_nobody_out(part: PartialFile) -> None:
    with part.locked(0):
        part.remove()
        with part.locked(0):  # a fresh one
            pass
    assert not part.is_locked
