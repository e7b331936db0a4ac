"""A real web server in processes of its own that tests kill and start again, and a wire that reports what passes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class WebServer:
    """gunicorn as ``python run.py`` starts it. The socket stays open while it is dead, as under the supervisor."""

    def __init__(self, folder: Path, **settings: str) -> None:
        unset = ("APP_PASSWORD", "DATABASE_URL", "CELERY_BROKER_URL", "BLOB_STORE")
        inherited = {name: value for name, value in os.environ.items() if name not in unset}
        self._environ = {**inherited, "FAAAAACES_DATA": str(folder), "LOG_LEVEL": "WARNING", **settings}
        self._log = (folder.parent / f"{folder.name}.log").open("ab")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> WebServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._listener.close()
        self._log.close()

    def start(self) -> None:
        """Starts it; whoever connects waits until it answers."""
        fd = self._listener.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", f"--bind=fd://{fd}", "--log-level=warning"],
            cwd=ROOT,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=(fd,),
            start_new_session=True,
        )

    def kill(self) -> None:
        """SIGKILL for all of its processes at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None

    def wait(self) -> None:
        """Returns when it answers.

        Raises:
            RuntimeError: It ended instead, or said nothing for a minute.
        """
        assert self._process
        for _ in range(60):
            # the open socket takes connections also while nobody answers, so a dead server shows as silence only
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=1):
                return
            if self._process.poll() is not None:
                break
        raise RuntimeError(f"the web server does not answer: {Path(self._log.name).read_text()}")


class Wire:
    """Passes connections on to a server, and calls somebody once when so many bytes have gone to it.

    What is called runs before the next byte passes, so a kill in it is a kill in the middle of a request, always.
    """

    def __init__(self, port: int, after: int, call: Callable[[], None]) -> None:
        self._port = port
        self._left = after
        self._call = call
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.has_called = False

    def __enter__(self) -> Wire:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
                theirs = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                return
            threading.Thread(target=self._pass, args=(ours, theirs, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(theirs, ours, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(1 << 18):
                target.sendall(data)
                if counted:
                    self._count(len(data))
        except OSError:
            pass  # one of the two is gone, and so is the connection
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes the thread of the other direction, which close alone does not
            end.close()

    def _count(self, size: int) -> None:
        with self._lock:
            self._left -= size
            if self._left > 0 or self.has_called:
                return
            self.has_called = True
        self._call()  # the other connections go on meanwhile
