"""Keeps a lease alive from a thread while long work goes on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType

from app.errors import AppError, JobCancelledError, JobLostError

logger = logging.getLogger(__name__)


class LeaseKeeper:
    """Calls a function again and again in a thread of its own while the ``with`` block runs.

    The function raises JobLostError or JobCancelledError when the lease is gone for good; that ends the calls and is
    raised by :meth:`check`. Any other failure, such as a database that restarts, is logged and tried again.

    Args:
        renew: Renews the lease once.
        every: Seconds between calls; well under the length of the lease.
        name: Name of the thread.
    """

    def __init__(self, renew: Callable[[], None], every: float, name: str) -> None:
        self._renew = renew
        self._every = every
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
        """
        if self._problem is not None:
            raise self._problem

    def _work(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self._renew()
            except (JobLostError, JobCancelledError) as error:
                self._problem = error
                return
            except Exception:
                logger.warning("lease not renewed", exc_info=True)
