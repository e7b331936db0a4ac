"""A small internet for tests: one public site, a trap on this machine that nobody may touch, and a name server."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator

import pytest

PUBLIC = "public.test"
"""The only name that may be fetched from, though it lies on this machine."""

_ELSEWHERE = "93.184.216.34"


class Trap:
    """Listens on 127.0.0.1 and ::1, and counts who connects. Whoever does is given a good answer.

    Attributes:
        connections: How many there were.
        port: Of both.
    """

    def __init__(self) -> None:
        self.connections = 0
        self._stop = threading.Event()
        self._listeners = [socket.create_server(("127.0.0.1", 0))]
        self.port = int(self._listeners[0].getsockname()[1])
        with contextlib.suppress(OSError):  # a machine without IPv6, or the port is taken there
            self._listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Trap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for listener in self._listeners:
            listener.close()

    def _work(self) -> None:
        with selectors.DefaultSelector() as selector:
            for listener in self._listeners:
                selector.register(listener, selectors.EVENT_READ)
            while not self._stop.is_set():
                for key, _ in selector.select(0.05):
                    connection, _address = key.fileobj.accept()  # type: ignore[union-attr]
                    self.connections += 1
                    with connection, contextlib.suppress(OSError):
                        connection.settimeout(1.0)
                        connection.sendall(
                            b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 6\r\n\r\nsecret"
                        )


class Names:
    """The name server of the tests. Numbers are read by the system, in every notation that it knows.

    Attributes:
        asked: The names that were looked up.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._real = socket.getaddrinfo
        self._answers = {
            PUBLIC: ["127.0.0.1"],
            "elsewhere.test": [_ELSEWHERE],
            "private.test": ["127.0.0.1"],
            "private6.test": ["::1"],
            "mapped.test": ["::ffff:127.0.0.1"],
            "metadata.test": ["169.254.169.254"],
            "two-faced.test": [_ELSEWHERE, "127.0.0.1"],
        }

    def __call__(self, host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        self.asked.append(host)
        if host.endswith("rebinding.test"):  # public for whoever checks, private for whoever connects
            return self._found([_ELSEWHERE if self.asked.count(host) == 1 else "127.0.0.1"], port)
        if host in self._answers:
            return self._found(self._answers[host], port)
        if host.strip(".").endswith("localhost"):
            return self._found(["127.0.0.1"], port)
        if ":" in host or (host.replace(".", "").replace("x", "").isalnum() and host[0].isdigit()):
            return self._real(host, port, type=socket.SOCK_STREAM)  # type: ignore[return-value]
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    @staticmethod
    def _found(addresses: list[str], port: int) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (one, port, 0, 0))
            if ":" in one
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in addresses
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The tests' name server instead of the system's; and nothing leaves this machine."""
    made = Names()
    real = socket.socket.connect

    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not address[0].startswith(("127.", "::1", "0.")):
            raise OSError("the internet ends here")
        real(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", made)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return made


@pytest.fixture
def trap() -> Iterator[Trap]:
    """The place where nobody may go."""
    with Trap() as running:
        yield running
