"""Ends the connections of a download: when its time is up, or when somebody no longer wants it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import weakref
from collections.abc import Callable

from app.errors import AppError

LOOK_SECONDS = 0.25
"""How often it is asked whether the download is still wanted."""


class Watch:
    """A thread that breaks off all connections of one download at its end. Use as a context manager.

    Args:
        max_seconds: Time for the whole download.
        stop: Called several times a second, from a thread; an :class:`AppError` that it raises ends the download.

    Attributes:
        expired: Whether time was up.
        stopped: What ``stop`` raised, or ``None``.
    """

    def __init__(self, max_seconds: float, stop: Callable[[], None] | None = None) -> None:
        self.expired = False
        self.stopped: AppError | None = None
        self._deadline = time.monotonic() + max_seconds
        self._stop = stop
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._work, name="download-watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        if self._stop is not None:
            self._thread.join()  # it must not ask about a job that somebody else has by then

    @property
    def ended(self) -> bool:
        """Whether nothing shall be fetched any more."""
        return self._ended.is_set()

    @property
    def seconds_left(self) -> float:
        """Time that is left."""
        return self._deadline - time.monotonic()

    def add(self, connection: socket.socket) -> None:
        """Has a connection broken off at the end."""
        with self._lock:
            self._open.add(connection)
        if self.ended:
            _break_off(connection)

    def pause(self, seconds: float) -> None:
        """Waits, but not beyond the end."""
        self._ended.wait(max(0.0, seconds))

    def _work(self) -> None:
        while not self._left.wait(self._next_look()):
            if self.seconds_left <= 0:
                self.expired = True
            elif self._stop is not None:
                try:
                    self._stop()
                except AppError as error:  # the thread that downloads raises it
                    self.stopped = error
            if self.expired or self.stopped is not None:
                self._end()
                return

    def _next_look(self) -> float:
        left = max(0.0, self.seconds_left)
        return left if self._stop is None else min(left, LOOK_SECONDS)

    def _end(self) -> None:
        self._ended.set()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            _break_off(connection)


def _break_off(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # a TLS socket's own shutdown is not made to be called while another thread reads
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
