"""`python run.py`, started for real: it comes up, keeps its parts up, and leaves no process behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS, STOP_SECONDS = 120, 30

pytestmark = pytest.mark.xdist_group("run")


class Running:
    """A started ``run.py``, its lines as they come, and all processes that it made."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "run.py"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.pid = self._process.pid
        self._seen: dict[int, psutil.Process] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()
        with self._news:
            self.lines.append("(end of output)")
            self._news.notify_all()

    def wait_for(self, pattern: str, times: int = 1, seconds: float = START_SECONDS) -> re.Match[str]:
        """The match in the ``times``-th line that has the pattern."""

        def matches() -> list[re.Match[str]]:
            return [match for line in self.lines if (match := re.search(pattern, line))]

        with self._news:
            done = self._news.wait_for(
                lambda: len(matches()) >= times or "(end of output)" in self.lines[-1:], timeout=seconds
            )
        assert done, f"no line like {pattern!r}:\n" + "\n".join(self.lines)
        assert len(matches()) >= times, f"it ended without a line like {pattern!r}:\n" + "\n".join(self.lines)
        return matches()[times - 1]

    def processes(self) -> dict[int, psutil.Process]:
        """All processes seen so far, ended ones among them, but not ``run.py`` itself."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._seen |= {child.pid: child for child in psutil.Process(self.pid).children(recursive=True)}
        return self._seen

    def part(self, words: str) -> psutil.Process:
        """The living process whose command line has these words."""
        for process in self.processes().values():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.is_running() and words in " ".join(process.cmdline()):
                    return process
        raise AssertionError(f"no process with {words!r}")

    def send(self, number: signal.Signals) -> None:
        self.processes()
        self._process.send_signal(number)

    def exit_code(self) -> int:
        code = self._process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        return code

    def survivors(self) -> list[str]:
        """Command lines of what still lives after a while."""
        _, alive = psutil.wait_procs(list(self._seen.values()), timeout=STOP_SECONDS)
        return [" ".join(process.cmdline()) for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def clear(self) -> None:
        self.processes()
        for process in [self._process, *self._seen.values()]:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                process.kill()
        self._process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path, models_cache: Path) -> Iterator[Start]:
    started: list[Running] = []

    def begin(**settings: str) -> Running:
        ours = {"FAAAAACES_DATA": str(tmp_path), "MODELS_FOLDER": str(models_cache), "PORT": "0", "HOST": "127.0.0.1"}
        unset = ("APP_PASSWORD", "DATABASE_URL", "CELERY_BROKER_URL", "WORKER_CONCURRENCY", "LOG_LEVEL")
        inherited = {name: value for name, value in os.environ.items() if name not in unset}
        started.append(Running({**inherited, **ours, **settings}))
        return started[-1]

    yield begin
    for running in started:
        running.clear()


def _get(url: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _wait_until_ready(url: str) -> dict[str, Any]:
    pause, answer = threading.Event(), {}
    for _ in range(START_SECONDS * 4):
        status, answer = _get(f"{url}/ready")
        if status == 200:
            return answer
        pause.wait(0.25)  # nothing announces a worker but this very address
    raise AssertionError(answer)


def test_it_starts_mends_itself_and_stops_on_ctrl_c(start: Start, tmp_path: Path) -> None:
    running = start()
    url = running.wait_for(r"FAAAAACES is ready: (http://127\.0\.0\.1:\d+)")[1]
    assert _get(f"{url}/health")[1]["status"] == "ok"
    assert _wait_until_ready(url)["status"] == "ready"
    assert (tmp_path / "data" / "faaaaaces.db").exists()

    refused = start()
    assert refused.exit_code() == 2
    assert re.search(rf"already runs on .* \(process {running.pid}, {url}\)", "\n".join(refused.lines))

    running.part("worker@").kill()
    running.wait_for(r"^worker was killed by SIGKILL; it starts again in 1 s\.$")
    running.part("gunicorn").kill()
    running.wait_for(r"^web was killed by SIGKILL; it starts again in 1 s\.$")
    running.wait_for(r"^web +\| .*Booting worker", times=2)
    assert _get(f"{url}/health")[0] == 200  # on the same address as before

    running.send(signal.SIGINT)
    assert running.exit_code() == 0, "\n".join(running.lines)
    assert running.survivors() == []
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", int(url.rpartition(":")[2])))


def test_a_killed_supervisor_takes_everything_with_it(start: Start) -> None:
    running = start(WORKER_CONCURRENCY="2")
    url = running.wait_for(r"FAAAAACES is ready: (\S+)")[1]
    _wait_until_ready(url)
    assert running.part("worker1@").pid != running.part("worker2@").pid
    assert len(running.processes()) >= 5  # gunicorn and its worker, two workers, the scheduler
    running.send(signal.SIGKILL)
    running.exit_code()
    assert running.survivors() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_it_can_be_stopped_while_it_starts(start: Start, number: signal.Signals) -> None:
    running = start()
    running.wait_for("Starting web page, worker and scheduler")
    running.wait_for(r"^web +\| ")
    running.send(number)
    assert running.exit_code() == 0, "\n".join(running.lines)
    assert running.survivors() == []


def test_a_port_in_use_is_told_before_anything_starts(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        running = start(PORT=str(port))
        assert running.exit_code() == 2
    assert running.lines[0] == (
        f"Port {port} is in use by another program. Stop it, or choose another port, such as PORT={port + 1}."
    )
    assert running.survivors() == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param({"HOST": "0.0.0.0"}, "Set APP_PASSWORD first", id="open without a password"),
        pytest.param({"HOST": "192.0.2.1", "APP_PASSWORD": "x"}, "not an address of this machine", id="foreign host"),
        pytest.param({"HOST": "no such host", "APP_PASSWORD": "x"}, "not an address of this machine", id="no host"),
        pytest.param({"PORT": "many"}, "PORT: ", id="malformed"),
        pytest.param({"DATABASE_URL": "mysql://x/y"}, "which is not supported", id="unknown database"),
        pytest.param({"FAAAAACES_DATA": "/proc/none"}, "The data folder", id="unwritable folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(start: Start, settings: dict[str, str], sentence: str) -> None:
    running = start(**settings)
    assert running.exit_code() == 2
    assert sentence in running.lines[-2], "\n".join(running.lines)
    assert "Traceback" not in "\n".join(running.lines)
