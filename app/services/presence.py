"""Tells whether a worker is there: each one keeps a lock of its own."""

from __future__ import annotations

from app.errors import JobLostError
from app.services.context import Context
from app.services.leases import LeaseKeeper
from app.services.owners import current_owner, is_owner_alive
from app.storage import locks as lock_rows

PREFIX = "worker:"
PRESENCE_SECONDS = 30.0
BEAT_SECONDS = 5.0


class WorkerPresence:
    """Says, from :meth:`start` to :meth:`stop`, that this process takes jobs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._owner = current_owner()
        self._token: str | None = None
        self._keeper = LeaseKeeper(self._renew, BEAT_SECONDS, "presence")

    def start(self) -> None:
        """Announces the worker and keeps it announced from a thread."""
        self._renew()
        self._keeper.__enter__()

    def stop(self) -> None:
        """Takes the announcement back."""
        self._keeper.__exit__(None, None, None)
        if self._token is not None:
            with self._context.database.write() as session:
                lock_rows.release(session, PREFIX + self._owner, self._token)

    def _renew(self) -> None:
        name = PREFIX + self._owner
        with self._context.database.write() as session:
            try:
                if self._token is not None:
                    lock_rows.renew(session, name, self._token, PRESENCE_SECONDS)
                    return
            except JobLostError:  # the row ran out and was swept while this machine slept
                self._token = None
            self._token = lock_rows.acquire(session, name, self._owner, PRESENCE_SECONDS)


def count_workers(context: Context) -> int:
    """How many workers are there now."""
    with context.database.session() as session:
        return sum(is_owner_alive(lock.owner) for lock in lock_rows.held(session, PREFIX))
