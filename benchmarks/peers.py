"""Other people's tools, each in a process of its own, in an environment that is made on first use."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.vision.runtime import available_cores
from benchmarks.films import ROOT

ENVIRONMENT = ROOT / "build" / "bench-peers"
REQUIREMENTS = ROOT / "benchmarks" / "requirements-peers.txt"
# It names dlib, which has no wheels and takes half an hour to compile; dlib-bin is the same, compiled.
# deep-sort-realtime and trackers name opencv-python, which must not be installed beside the headless one.
WITHOUT_DEPENDENCIES = (
    "face_recognition==1.3.0",
    "click==8.5.1",
    "deep-sort-realtime==1.3.2",
    "trackers==2.6.1",
)
WORKER = ROOT / "benchmarks" / "peer_worker.py"
_INSTALL_SECONDS = 1200
_ANSWER_SECONDS = 600


class PeerError(RuntimeError):
    """A peer cannot be installed, started or used; the message says why."""


def prepare(say: Callable[[str], None], environment: Path = ENVIRONMENT) -> Path:
    """Makes the environment where it is missing or its requirements have changed.

    Returns:
        Its Python.

    Raises:
        PeerError: It cannot be made.
    """
    python = environment / "bin" / "python"
    wanted, stamp = fingerprint(), environment / ".installed"
    if python.is_file() and stamp.is_file() and stamp.read_text() == wanted:
        return python
    say("installing what is compared with, which takes some minutes")
    environment.parent.mkdir(parents=True, exist_ok=True)
    _install(sys.executable, "-m", "venv", "--clear", str(environment))
    pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _install(*pip, "-r", str(REQUIREMENTS))
    _install(*pip, "--no-deps", *WITHOUT_DEPENDENCIES)
    stamp.write_text(wanted)
    return python


def fingerprint() -> str:
    """Changes with what is to be installed."""
    return hashlib.sha256(REQUIREMENTS.read_bytes() + repr(WITHOUT_DEPENDENCIES).encode()).hexdigest()


def _install(*command: str) -> None:
    try:
        subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS, stdin=subprocess.DEVNULL
        )
    except subprocess.CalledProcessError as error:
        raise PeerError(f"it could not be installed: {_last_line(error.stderr)}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"it could not be installed: {error}") from error


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["no message"])[-1][:300]


class Peer:
    """A tool that stays loaded and waits for tasks, so that ours and theirs can take turns.

    Attributes:
        about: Its versions.
    """

    def __init__(self, python: Path, name: str, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """Starts it and waits until it is loaded.

        Args:
            python: Of its environment.
            name: A name in ``peer_worker.PEERS``.
            folder: Where its messages go, and it keeps nothing else.
            settings: More variables for its environment.

        Raises:
            PeerError: It does not start.
        """
        self._log = folder / f"{name}.log"
        environment = {**os.environ, **(settings or {})}
        environment.pop("PYTHONPATH", None)
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [str(python), str(WORKER), name, str(available_cores())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
                cwd=folder,
            )
        self.about = str(self._answer()["about"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, do: str, **task: Any) -> dict[str, Any]:
        """Gives it a task and waits.

        Raises:
            PeerError: It fails or takes too long.
        """
        if self._process.stdin is None:
            raise PeerError("it does not listen")
        try:
            print(json.dumps({"do": do, **task}), file=self._process.stdin, flush=True)
        except OSError as error:
            raise PeerError(f"it stopped: {_last_line(self._log.read_text(errors='replace'))}") from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        if self._process.stdout is None:
            raise PeerError("it does not speak")
        watch = threading.Timer(_ANSWER_SECONDS, self._process.kill)
        watch.start()
        line = self._process.stdout.readline()
        watch.cancel()
        if not line:
            self._process.kill()
            self._process.wait()
            raise PeerError(f"it stopped: {_last_line(self._log.read_text(errors='replace'))}")
        answer: dict[str, Any] = json.loads(line)
        return answer
