"""Tells whether workers are there: each one keeps locks of its own, one for each kind of work that it takes."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from app.domain import QueueName
from app.errors import JobLostError
from app.services.context import Context
from app.services.leases import LeaseKeeper
from app.services.owners import current_owner, is_owner_alive
from app.storage import locks as lock_rows

PREFIXES = {QueueName.VISION: "worker:", QueueName.DOWNLOAD: "downloader:"}
PRESENCE_SECONDS = 30.0
BEAT_SECONDS = 5.0


class WorkerPresence:
    """Says, from :meth:`start` to :meth:`stop`, that this process takes jobs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._owner = current_owner()
        self._tokens: dict[str, str | None] = {}
        self._keeper = LeaseKeeper(self._renew, BEAT_SECONDS, "presence")

    def start(self, queues: Collection[QueueName] = tuple(QueueName)) -> None:
        """Announces the worker and keeps it announced from a thread.

        Args:
            queues: Whose jobs it takes.
        """
        self._tokens = {prefix + self._owner: None for queue, prefix in PREFIXES.items() if queue in queues}
        self._renew()
        self._keeper.__enter__()

    def stop(self) -> None:
        """Takes the announcement back."""
        self._keeper.__exit__(None, None, None)
        with self._context.database.write() as session:
            for name, token in self._tokens.items():
                if token is not None:
                    lock_rows.release(session, name, token)

    def _renew(self) -> None:
        with self._context.database.write() as session:
            for name, token in self._tokens.items():
                self._tokens[name] = self._held(session, name, token)

    def _held(self, session: Session, name: str, token: str | None) -> str | None:
        try:
            if token is not None:
                lock_rows.renew(session, name, token, PRESENCE_SECONDS)
                return token
        except JobLostError:  # the row ran out and was swept while this machine slept
            pass
        return lock_rows.acquire(session, name, self._owner, PRESENCE_SECONDS)


def count_workers(context: Context) -> int:
    """How many processes take videos to look at."""
    return _count(context, QueueName.VISION)


def count_downloaders(context: Context) -> int:
    """How many processes take links to download."""
    return _count(context, QueueName.DOWNLOAD)


def _count(context: Context, queue: QueueName) -> int:
    with context.database.session() as session:
        return sum(is_owner_alive(lock.owner) for lock in lock_rows.held(session, PREFIXES[queue]))
