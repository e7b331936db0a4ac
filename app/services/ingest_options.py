"""How something that is handed in shall be looked at."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain import Sampling

PRIORITY_PERSON = 10
"""Somebody waits at the page."""
PRIORITY_MANY = 0
"""One of many."""


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """What may be chosen for one submission; what is ``None`` comes from the settings.

    Attributes:
        interval: Seconds between samples.
        sampling: Which frames are looked at.
        batch_id: Groups jobs that were handed in together.
        priority: Larger first; ``None``: a person's when handed in alone, one of many in a batch.
        again: Look at a video that is known anew, with these settings.
        playlist: A link to a playlist stands for all its videos, not for one.
        webhook_url: An address that is told when the job, or the batch, has ended; stored in the batch where there is one, else
            among the job's ``params`` under this name.
    """

    interval: float | None = None
    sampling: Sampling | None = None
    batch_id: str | None = None
    priority: int | None = None
    again: bool = False
    playlist: bool = False
    webhook_url: str | None = None

    @property
    def chosen_priority(self) -> int:
        """The job's priority."""
        if self.priority is not None:
            return self.priority
        return PRIORITY_MANY if self.batch_id is not None else PRIORITY_PERSON
