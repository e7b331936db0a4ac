"""The embedded broker: messages in a SQLite file, so that one machine needs no server for its queues.

kombu has such a transport, but it keeps every message for ever, takes the file's write lock each time it looks and
looks once a second. This one removes what it hands out and notices by SQLite's own counter whether anything changed,
which is so cheap that it looks ten times a second. A message that is handed out to a process that then dies is lost;
jobs do not depend on any of them (see ``app.services.jobs.recover_jobs``).
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from json import dumps, loads
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, virtual
from sqlalchemy import make_url

ALIAS = "faaaaaces"
LOOK_SECONDS = 0.1
BUSY_SECONDS = 30.0
_TABLE = """
CREATE TABLE IF NOT EXISTS waiting_message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, payload TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_waiting_message ON waiting_message (queue, id);
"""


class Channel(virtual.Channel):
    """Queues of one SQLite file; connects when it is first used."""

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)  # type: ignore[no-untyped-call]
        self._file: sqlite3.Connection | None = None
        self._lock = threading.RLock()  # channels of a pool go from thread to thread
        self._empty_since: dict[str, int] = {}

    def _put(self, queue: str, message: dict[str, Any], **_options: Any) -> None:
        with self._opened() as file:
            file.execute("INSERT INTO waiting_message (queue, payload) VALUES (?, ?)", (queue, dumps(message)))
            self._empty_since.clear()  # the counter does not count our own changes

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        with self._opened() as file:
            version = file.execute("PRAGMA data_version").fetchone()[0]
            if self._empty_since.get(queue) != version:
                oldest = "SELECT id FROM waiting_message WHERE queue = ? ORDER BY id LIMIT 1"
                if file.execute(oldest, (queue,)).fetchone():
                    taken = file.execute(
                        f"DELETE FROM waiting_message WHERE id = ({oldest}) RETURNING payload",  # noqa: S608 - our own text
                        (queue,),
                    ).fetchall()
                    if taken:
                        return loads(taken[0][0])
                self._empty_since[queue] = version
        raise Empty

    def _size(self, queue: str) -> int:
        with self._opened() as file:
            counted = file.execute("SELECT count(*) FROM waiting_message WHERE queue = ?", (queue,)).fetchone()
        return int(counted[0])

    def _purge(self, queue: str) -> int:
        with self._opened() as file:
            return int(file.execute("DELETE FROM waiting_message WHERE queue = ?", (queue,)).rowcount)

    def _has_queue(self, queue: str, **_options: Any) -> bool:
        return True

    def close(self) -> None:
        """Closes the file as well."""
        super().close()  # type: ignore[no-untyped-call]
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._file is None:
                self._file = _open(str(make_url(self.connection.client.hostname).database))
            yield self._file


class Transport(virtual.Transport):
    """The transport; its address is ``faaaaaces+sqlite:///`` and a path."""

    Channel = Channel
    can_parse_url = True
    driver_type = "sqlite"
    driver_name = "sqlite"
    polling_interval = LOOK_SECONDS
    connection_errors = (sqlite3.OperationalError,)

    def driver_version(self) -> str:
        """The version of SQLite."""
        return sqlite3.sqlite_version


def embedded_url(url: str) -> str:
    """Makes the transport known to kombu and returns its address for ``sqla+sqlite:///path``."""
    TRANSPORT_ALIASES[ALIAS] = f"{__name__}:Transport"
    return f"{ALIAS}+{url.partition('+')[2]}"


def _open(path: str) -> sqlite3.Connection:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    file = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    file.execute("PRAGMA journal_mode=WAL")
    file.execute("PRAGMA synchronous=OFF")  # after a power cut the jobs' rows tell what waits
    file.executescript(_TABLE)
    return file
