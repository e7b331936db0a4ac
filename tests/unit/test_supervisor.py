"""The supervisor, over programs of one line. It runs in a process of its own, because it takes over signals."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30
# Arguments: programs as [name, code, grace], the pause before a restart, the code that is_ready evaluates.
SCRIPT = """
import json, sys, time
from pathlib import Path
from app import supervisor
supervisor.FIRST_PAUSE = float(sys.argv[2])
programs = [
    supervisor.Program(name, (sys.executable, "-u", "-c", code), grace=grace)
    for name, code, grace in json.loads(sys.argv[1])
]
keeper = supervisor.Supervisor(
    programs, lambda line: print(line, flush=True), Path.cwd(), lambda: eval(sys.argv[3]), "all is ready"
)
sys.exit(keeper.run())
"""
SLEEP = "import time; print('awake'); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
# Starts a child in its own group, which outlives it.
ORPHANS = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(*programs: tuple[str, str, float], pause: float = 0.05, ready: str = "False") -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SCRIPT, json.dumps(programs), str(pause), ready]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate(timeout=SECONDS)


def _output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout
    return process.stdout


def _read_until(process: subprocess.Popen[str], text: str) -> list[str]:
    lines: list[str] = []
    for line in _output(process):
        lines.append(line.rstrip("\n"))
        if text in line:
            return lines
    raise AssertionError("\n".join(lines))


def test_lines_carry_the_name_of_their_program(start: Start) -> None:
    process = start(("a", "print('one\\ntwo'); " + SLEEP, 5.0), ("longer", SLEEP, 5.0))
    assert "a      | two" in _read_until(process, "two")
    process.terminate()
    assert process.wait(SECONDS) == 0


def test_the_last_line_needs_no_line_end(start: Start) -> None:
    process = start(("a", "print('farewell', end='')", 5.0), pause=5)
    assert "a | farewell" in _read_until(process, "a ended with code 0; it starts again in 5 s.")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("raise SystemExit(3)", "ended with code 3", id="exit status"),
        pytest.param("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL", id="signal"),
    ],
)
def test_what_ends_is_started_again_with_longer_pauses_until_it_is_hopeless(start: Start, code: str, said: str) -> None:
    process = start(("a", code, 5.0), ("b", SLEEP, 5.0))
    output, _ = process.communicate(timeout=SECONDS)
    lines = [line for line in output.splitlines() if line.startswith("a ")]
    assert len(lines) == 5
    assert all(line.startswith(f"a {said}") for line in lines)
    assert lines[-1].endswith("for the 5th time in a row. The lines above say why.")
    assert process.returncode == 1


def test_it_says_once_that_all_is_ready(start: Start) -> None:
    process = start(("a", SLEEP, 5.0), ready="True")
    lines = _read_until(process, "awake")
    process.terminate()
    rest = _output(process).read().splitlines()
    assert [line for line in [*lines, *rest] if line == "all is ready"] == ["all is ready"]


def test_a_program_that_does_not_listen_is_killed_after_its_grace(start: Start) -> None:
    process = start(("a", STUBBORN, 0.5))
    _read_until(process, "awake")
    (child,) = psutil.Process(process.pid).children()
    process.terminate()
    assert process.wait(SECONDS) == 0
    assert not child.is_running()


def test_a_second_signal_does_not_wait(start: Start) -> None:
    process = start(("a", STUBBORN, 600.0), ("b", SLEEP, 600.0))
    _read_until(process, "awake")
    _read_until(process, "awake")
    children = psutil.Process(process.pid).children()
    (polite,) = [child for child in children if "SIG_IGN" not in " ".join(child.cmdline())]
    process.send_signal(signal.SIGINT)
    polite.wait(SECONDS)  # the first signal was acted on
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 0


def test_what_a_program_leaves_behind_is_killed(start: Start) -> None:
    process = start(("a", ORPHANS + "; print(p.pid)", 5.0), pause=600)
    orphan = int(_read_until(process, "a |")[-1].rpartition(" ")[2])
    with contextlib.suppress(psutil.NoSuchProcess):  # which is what we want
        psutil.Process(orphan).wait(SECONDS)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_killed_supervisor_takes_its_programs_with_it(start: Start) -> None:
    process = start(("a", STUBBORN, 600.0))
    _read_until(process, "awake")
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    process.wait(SECONDS)
    psutil.wait_procs([child], timeout=SECONDS)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
