"""``faaaaaces watch`` as a user runs it: a process of its own, ended by Ctrl-C."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.domain import Image
from tests.films import make_film
from tests.stills import still

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0


class Command:
    """The running command; its lines are read in a thread."""

    def __init__(self, folder: Path, library: Path, models: Path) -> None:
        own = {"FAAAAACES_DATA": str(library), "MODELS_FOLDER": str(models), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "watch", str(folder), "--settle", "0.3", "--in-place"],
            cwd=ROOT,
            env={**os.environ, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.seen: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.strip())
        self._lines.put(None)

    def wait_for(self, words: str) -> str:
        while True:
            line = self._lines.get(timeout=PATIENCE)
            assert line is not None, f"it ended without {words!r}: {self.seen}"
            self.seen.append(line)
            if words in line:
                return line

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


@contextmanager
def watch(folder: Path, library: Path, models: Path) -> Iterator[Command]:
    command = Command(folder, library, models)
    try:
        yield command
    finally:
        command.process.kill()
        command.process.wait()


def test_what_comes_in_is_looked_at_and_a_restart_goes_on(
    tmp_path: Path, models_cache: Path, astronaut: Image, grace_hopper: Image
) -> None:
    folder, library = tmp_path / "incoming", tmp_path / "library"
    folder.mkdir()
    make_film(folder / "there.mp4", [astronaut], seconds_each=2)
    with watch(folder, library, models_cache) as command:
        command.wait_for("there.mp4: added")
        command.wait_for("there: 2 faces")
        command.wait_for("1 person in the library.")
        (folder / "portrait.jpg").write_bytes(still("jpg", grace_hopper))
        command.wait_for("portrait: 1 face")
        command.wait_for("2 people in the library.")
        assert command.stop() == 0
    with watch(folder, library, models_cache) as command:
        command.wait_for("Watching incoming.")
        (folder / "copy.mp4").write_bytes((folder / "there.mp4").read_bytes())
        command.wait_for("copy.mp4: in the library already, looked at every 1 s")
        assert command.stop() == 0
        command.wait_for("Ended.")
        assert not any("added" in line for line in command.seen)
    assert sorted(path.name for path in folder.iterdir()) == ["copy.mp4", "portrait.jpg", "there.mp4"]
