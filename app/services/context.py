"""What every use case needs, built once per process and handed down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from app.config import Settings
from app.domain import JobKind, QueueName
from app.services.blob_places import blob_places
from app.services.leases import LeaseWatch
from app.services.models.engines import EngineSource
from app.services.track_rules import track_rules
from app.services.webhook_messages import file_messages
from app.storage.blobs import BlobStore, open_store
from app.storage.database import Database
from app.vision import FaceEngine


class JobQueue(Protocol):
    """Tells workers that jobs wait. The jobs' rows are the truth; a lost message is sent again by recovery."""

    def send(self, kind: JobKind, job_id: str) -> None:
        """Wakes the queue of a new job.

        Args:
            kind: What the job does; chooses the queue.
            job_id: Id of a committed row in state ``queued``.
        """

    def wake(self, queue: QueueName, messages: int = 1) -> None:
        """Says that there is work in a queue; to a queue that is awake it does no harm.

        Args:
            queue: The queue.
            messages: How many workers to wake at once; each wakes the next one while more work waits.
        """

    def share(self, comparison: str, messages: int) -> None:
        """Asks workers to help with a comparison; see :mod:`app.services.graph_shards`.

        Args:
            comparison: Its name.
            messages: How many workers to ask.
        """


class NoQueue:
    """For programs that run their jobs themselves, such as the command line."""

    def send(self, kind: JobKind, job_id: str) -> None:
        """Does nothing: the caller runs the job."""

    def wake(self, queue: QueueName, messages: int = 1) -> None:
        """Does nothing: the caller runs the job."""

    def share(self, comparison: str, messages: int) -> None:
        """Does nothing: the caller compares all of it."""


@dataclass(frozen=True)
class Context:
    """The parts that use cases work with.

    Attributes:
        settings: Frozen settings.
        database: The library.
        blobs: Videos, crops, thumbnails and temporary files.
        engine: Returns the process's one engine; the first call loads the networks and takes seconds. Ask again for each
            piece of work: the library may have been given another pack meanwhile.
        queue: Where jobs are announced.
        leases: What this process has seen of the leases of others.
        stopping: Set when this process was told to stop; work in progress is given back at its next checkpoint.
    """

    settings: Settings
    database: Database
    blobs: BlobStore
    engine: Callable[[], FaceEngine]
    queue: JobQueue
    leases: LeaseWatch = field(default_factory=LeaseWatch)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def has_workers(self) -> bool:
        """True where workers take jobs; False where the program runs each job itself and nobody comes back to one."""
        return not isinstance(self.queue, NoQueue)


def build_context(settings: Settings, queue: JobQueue | None = None) -> Context:
    """Puts the parts together. Opens no connection and loads no model yet.

    Args:
        settings: The settings.
        queue: Where jobs are announced; ``None`` where the caller runs them itself.

    Returns:
        The context.

    Raises:
        ConfigError: A file that the settings name cannot be used.
    """
    track_rules(settings)  # now, and not when the first video was looked at
    database = Database(settings.database)
    database.before_commit = partial(file_messages, settings)
    return Context(
        settings=settings,
        database=database,
        blobs=open_store(blob_places(settings)),
        engine=EngineSource(settings, database),
        queue=queue or NoQueue(),
    )
