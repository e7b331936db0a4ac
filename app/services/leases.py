"""Leases: kept alive from a thread while long work goes on, and judged by those who wait for their end.

A machine's clock may jump by an hour; so nobody compares the end of a lease with the time of day. Who waits for a lease
watches whether it is still renewed, by a clock that does not jump, and knows of processes of its own machine for
certain whether they live.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType

from app.errors import AppError, JobCancelledError, JobLostError, JobPausedError
from app.services.owners import OwnerState, owner_state

logger = logging.getLogger(__name__)

SILENT_SECONDS = 60.0  # a lease that was not renewed for so long is lost
SILENT_ALIVE_SECONDS = 300.0  # the same where its process lives for certain; it may hang, or wait for the database
SEEN_AT_MOST = 1000  # then those that have long ended are forgotten


class LeaseWatch:
    """Judges leases by whether they are renewed, as seen from this process.

    Args:
        clock: Seconds of a clock that never jumps.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[tuple[str, datetime | None], float]] = {}

    def is_lost(self, name: str, token: str, owner: str, expires_at: datetime | None) -> bool:
        """Whether nobody will come back to this lease; to be asked again and again.

        Args:
            name: What is leased.
            token: Who holds it at the moment.
            owner: The process that holds it, as host:pid:start.
            expires_at: Changes with every renewal; the moment itself is not looked at.

        Returns:
            True at once where the process is known to be gone, else when the lease was not renewed for too long.
        """
        state = owner_state(owner)
        if state is OwnerState.GONE:
            self._seen.pop(name, None)
            return True
        now = self._clock()
        mark, since = self._seen.get(name, (None, now))
        if mark != (token, expires_at):
            self._forget_old(now)
            self._seen[name] = ((token, expires_at), now)
            return False
        return now - since > (SILENT_ALIVE_SECONDS if state is OwnerState.ALIVE else SILENT_SECONDS)

    def _forget_old(self, now: float) -> None:
        if len(self._seen) > SEEN_AT_MOST:
            recent = {name: seen for name, seen in self._seen.items() if now - seen[1] <= 2 * SILENT_ALIVE_SECONDS}
            self._seen = recent


class LeaseKeeper:
    """Calls functions again and again in a thread of its own while the ``with`` block runs.

    They raise JobLostError, JobCancelledError or JobPausedError when the lease is gone for good; that ends the calls and
    is raised by :meth:`check`. Any other failure, such as a database that restarts, is logged and tried again.

    Args:
        renew: Renews the lease once.
        every: Seconds between calls; well under the length of the lease.
        name: Name of the thread.
        look: Looks, without writing, whether the lease is still there.
        look_every: Seconds between looks.
    """

    def __init__(
        self,
        renew: Callable[[], None],
        every: float,
        name: str,
        *,
        look: Callable[[], None] | None = None,
        look_every: float = 0.5,
    ) -> None:
        self._renew = renew
        self._every = every
        self._look = look
        self._pause = every if look is None else min(look_every, every)
        self._stop = threading.Event()
        self._problem: AppError | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Call between pieces of work.

        Raises:
            JobLostError: The lease belongs to somebody else now.
            JobCancelledError: A person stopped the work.
            JobPausedError: A person paused the work.
        """
        if self._problem is not None:
            raise self._problem

    def _work(self) -> None:
        renew_at = time.monotonic() + self._every
        while not self._stop.wait(self._pause):
            is_due = self._look is None or time.monotonic() >= renew_at
            try:
                if is_due:
                    renew_at = time.monotonic() + self._every
                    self._renew()
                elif self._look is not None:
                    self._look()
            except (JobLostError, JobCancelledError, JobPausedError) as error:
                self._problem = error
                return
            except Exception:
                # a look that fails is repeated in a moment; the next renewal tells if it goes on
                logger.log(logging.WARNING if is_due else logging.DEBUG, "lease not renewed", exc_info=True)
