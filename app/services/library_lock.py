"""Work that happens once at a time in the whole library, under a lock in the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from app.services.context import Context
from app.services.job_run import JobRun
from app.services.leases import LeaseKeeper
from app.services.owners import current_owner
from app.storage import locks as lock_rows

LOCK_SECONDS = 60.0
RENEW_SECONDS = 10.0
RETRY_SECONDS = 0.25


class LibraryLock:
    """A lock that this process holds, renewed by a thread."""

    def __init__(self, context: Context, name: str, token: str) -> None:
        self._context = context
        self._name = name
        self._token = token
        self.keeper = LeaseKeeper(self._renew, RENEW_SECONDS, f"{name}-lock")

    def fence(self, session: Session) -> None:
        """Makes sure, within a writing transaction, that the lock is still held.

        Raises:
            JobLostError: Another process took it over.
        """
        lock_rows.renew(session, self._name, self._token, LOCK_SECONDS)

    def check(self) -> None:
        """Call between pieces of work.

        Raises:
            JobLostError: Another process took the lock over.
        """
        self.keeper.check()

    def _renew(self) -> None:
        with self._context.database.write() as session:
            self.fence(session)


@contextmanager
def waited_for(context: Context, name: str, run: JobRun | None = None) -> Iterator[LibraryLock]:
    """Waits for a lock and holds it while the block runs.

    Args:
        context: The context.
        name: What is locked.
        run: The job that waits, where it is one; waiting ends with it.
    """
    while (token := _take(context, name)) is None:
        if run is not None:
            run.check()
        time.sleep(RETRY_SECONDS)
    with _held(context, name, token) as lock:
        yield lock


@contextmanager
def taken_at_once(context: Context, name: str) -> Iterator[LibraryLock | None]:
    """Holds a lock while the block runs; gives ``None`` where another process holds it."""
    token = _take(context, name)
    if token is None:
        yield None
        return
    with _held(context, name, token) as lock:
        yield lock


@contextmanager
def _held(context: Context, name: str, token: str) -> Iterator[LibraryLock]:
    try:
        lock = LibraryLock(context, name, token)
        with lock.keeper:
            yield lock
    finally:
        with context.database.write() as session:
            lock_rows.release(session, name, token)


def _take(context: Context, name: str) -> str | None:
    with context.database.write() as session:
        return lock_rows.acquire(session, name, current_owner(), LOCK_SECONDS, is_lost=context.leases.is_lost)
