"""A wall clock that jumps, for processes that tests start (libfaketime)."""

from __future__ import annotations

import os
from pathlib import Path

# Its own way to sleep until a moment of the steady clock fails under libfaketime 0.9.10 (clock_nanosleep says EINVAL).
_SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select((), (), (), seconds) and None\n"


class Clock:
    """The time of day of processes that run with its ``environ``; the steady clock goes on as ever.

    Args:
        folder: For its files; made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        assert found, "libfaketime is missing. Install it: apt-get install faketime"
        folder.mkdir(exist_ok=True)
        self._stamp = folder / "offset"
        self.set(0)
        (folder / "sitecustomize.py").write_text(_SLEEP)
        self.environ = {
            "LD_PRELOAD": str(found[0]),
            "PYTHONPATH": str(folder),
            "FAKETIME_TIMESTAMP_FILE": str(self._stamp),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def __enter__(self) -> Clock:
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the shared memory that killed processes leave behind, named by their numbers."""
        for left in Path("/dev/shm").glob("*faketime_s*m_*"):
            if not Path("/proc", left.name.rpartition("_")[2]).exists():
                left.unlink(missing_ok=True)

    def set(self, hours: int) -> None:
        """From now on the clock is so many hours ahead of the true one."""
        written = self._stamp.with_name("new")
        written.write_text(f"{hours:+d}h\n")
        os.replace(written, self._stamp)  # noqa: PTH105 - at once, for those who read it all the time
