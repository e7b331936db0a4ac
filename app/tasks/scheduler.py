"""The scheduler, when the machine's clock is put back."""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler


class SteadyScheduler(PersistentScheduler):  # type: ignore[misc]
    """Celery's scheduler waits for the time of day at which an entry is due, after a clock that goes back for hours.

    Here an entry that last ran in the future counts as run at this moment.
    """

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Sends what is due; returns the seconds until the next look."""
        for entry in self.schedule.values():
            now = entry.default_now()
            if entry.last_run_at > now:
                entry.last_run_at = now
                self._heap = None  # Celery makes it anew, with moments of the clock as it is
        return float(super().tick(*args, **kwargs))
