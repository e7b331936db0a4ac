"""A real Redis server for tests."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path


class RedisServer:
    """A Redis server of our own, which can be stopped, emptied and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is missing. Install it: apt-get install redis-server"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        self.url = f"redis://127.0.0.1:{port}/0"
        self._server: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Starts it, empty, and waits until it answers."""
        self._server = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout
        for line in self._server.stdout:
            if "Ready to accept connections" in line:
                return
        raise AssertionError("redis-server did not start")

    def stop(self) -> None:
        """Stops it; all that was in it is gone."""
        if self._server is not None and self._server.stdout:
            self._server.kill()
            self._server.wait(30)
            self._server.stdout.close()
        self._server = None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
