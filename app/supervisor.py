"""Keeps a handful of programs running together: starts, watches, restarts and stops them as one.

One thread and one loop do everything: lines that the programs write are passed on with their name in front, a program
that ends is started again after a pause, and a signal ends all of them. Every program leads a process group of its own,
so that Ctrl-C reaches only the supervisor, which then stops the others in an orderly way; what a program leaves
behind in its group is killed. If the supervisor itself is killed, the kernel ends the programs (see ``app.tied``).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

TIED = Path(__file__).with_name("tied.py")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROBE_EVERY = 0.25
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
STEADY_AFTER = 30.0  # a program that ran this long is healthy; its next end is a new story
GIVE_UP_AFTER = 5  # this many ends in a row, each before STEADY_AFTER


@dataclass(frozen=True)
class Program:
    """What to run.

    Attributes:
        name: Shown in front of its lines.
        command: The command and its arguments.
        stop_signal: Asks it to end.
        death_signal: Sent by the kernel if the supervisor dies.
        grace: Seconds it may take to end after ``stop_signal`` before it is killed.
        pass_fds: File descriptors it inherits.
    """

    name: str
    command: tuple[str, ...]
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    grace: float = 10.0
    pass_fds: tuple[int, ...] = ()


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0
    failures: int = 0
    unfinished: bytes = field(default=b"", repr=False)


class Supervisor:
    """Runs programs until a signal comes.

    Args:
        programs: What to run.
        say: Receives every line, without its line end.
        folder: Working folder of the programs.
        is_ready: Asked every quarter of a second until it returns True; must itself return within a second.
        ready_text: Said once ``is_ready`` was True.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        say: Callable[[str], None],
        folder: Path,
        is_ready: Callable[[], bool],
        ready_text: str,
    ) -> None:
        self._children = [_Child(program) for program in programs]
        self._width = max(len(program.name) for program in programs)
        self._say = say
        self._folder = folder
        self._is_ready: Callable[[], bool] | None = is_ready
        self._ready_text = ready_text
        self._selector = selectors.DefaultSelector()
        self._signals: list[int] = []

    def run(self) -> int:
        """Runs everything until SIGINT, SIGTERM or SIGHUP; a second signal kills what has not ended yet.

        Must be called from the main thread, which must stay alive: the kernel ties the programs to it.

        Returns:
            0 after a signal, 1 when a program kept ending on its own.
        """
        with self._listening():
            try:
                return self._loop()
            finally:
                self._stop()

    def _loop(self) -> int:
        while not self._signals:
            now = time.monotonic()
            for child in self._children:
                if child.process is None and now >= child.start_at:
                    self._start(child)
                elif child.process is not None and child.process.poll() is not None and self._ended(child):
                    return 1
            self._probe()
            self._pump(PROBE_EVERY if self._is_ready else 1.0)
        return 0

    def _start(self, child: _Child) -> None:
        program = child.program
        tied = (sys.executable, "-I", str(TIED), str(int(program.death_signal)), str(os.getpid()))
        child.started = time.monotonic()
        child.process = subprocess.Popen(  # noqa: S603 - the commands are the application's own
            [*tied, *program.command],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=program.pass_fds,
        )
        assert child.process.stdout is not None  # noqa: S101 - told to be a pipe just above
        os.set_blocking(child.process.stdout.fileno(), False)
        self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _ended(self, child: _Child) -> bool:
        """Clears up after a program that ended on its own. Returns True when it does so again and again."""
        code = self._bury(child)
        lived = time.monotonic() - child.started
        child.failures = 1 if lived >= STEADY_AFTER else child.failures + 1
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        if child.failures >= GIVE_UP_AFTER:
            self._say(f"{child.program.name} {how}, for the {child.failures}th time in a row. The lines above say why.")
            return True
        pause = min(FIRST_PAUSE * 2 ** (child.failures - 1), LONGEST_PAUSE)
        child.start_at = time.monotonic() + pause
        self._say(f"{child.program.name} {how}; it starts again in {pause:.0f} s.")
        return False

    def _bury(self, child: _Child) -> int:
        """Kills what an ended program left in its group, passes on its last lines and forgets it."""
        process = child.process
        assert process is not None and process.stdout is not None  # noqa: S101 - only called for started programs
        self._signal(child, signal.SIGKILL)
        code = process.wait()
        self._read(child)
        if child.unfinished:
            self._line(child, child.unfinished)
        self._selector.unregister(process.stdout)
        process.stdout.close()
        child.process, child.unfinished = None, b""
        return code

    def _probe(self) -> None:
        if self._is_ready is not None and self._is_ready():
            self._is_ready = None
            self._say(self._ready_text)

    def _pump(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            if isinstance(key.data, _Child):
                self._read(key.data)
            else:
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 512)

    def _read(self, child: _Child) -> None:
        process = child.process
        if process is None or process.stdout is None:
            return
        while True:
            try:
                data = os.read(process.stdout.fileno(), 65536)
            except BlockingIOError:
                return
            if not data:
                self._closed_output(process)
                return
            *lines, child.unfinished = (child.unfinished + data).split(b"\n")
            for line in lines:
                self._line(child, line)

    def _closed_output(self, process: subprocess.Popen[bytes]) -> None:
        """Ends a busy loop over a pipe at its end: the program ends, or has closed its output for good."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PROBE_EVERY)

    def _line(self, child: _Child, line: bytes) -> None:
        self._say(f"{child.program.name:<{self._width}} | {line.decode(errors='replace').rstrip()}")

    def _stop(self) -> None:
        """Asks every program to end, waits as long as each may take, and kills the rest."""
        seen, begun = len(self._signals), time.monotonic()
        for child in self._children:
            self._signal(child, child.program.stop_signal, group=False)
        while running := [child for child in self._children if child.process is not None]:
            waited = time.monotonic() - begun
            for child in running:
                ended = child.process is not None and child.process.poll() is not None
                if ended or waited > child.program.grace or len(self._signals) > seen:
                    self._bury(child)
            self._pump(0.1)

    def _signal(self, child: _Child, number: signal.Signals, *, group: bool = True) -> None:
        if child.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                (os.killpg if group else os.kill)(child.process.pid, number)

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        """Notes signals and lets them, and the end of a program, wake the loop."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        self._selector.register(reader, selectors.EVENT_READ)
        old_fd = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        old = {number: signal.signal(number, self._note) for number in STOP_SIGNALS}
        old[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(old_fd)
            self._selector.close()
            os.close(reader)
            os.close(writer)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._signals.append(number)
