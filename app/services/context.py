"""What every use case needs, built once per process and handed down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from app.config import Settings
from app.domain import JobKind
from app.services.models.engines import EngineSource
from app.storage.blobs import BlobPlaces, BlobStore, open_store
from app.storage.database import Database
from app.vision import FaceEngine


class JobQueue(Protocol):
    """Tells workers that a job waits. The job's row is the truth; a lost message is sent again by recovery."""

    def send(self, kind: JobKind, job_id: str) -> None:
        """Announces the job.

        Args:
            kind: What the job does; chooses the queue.
            job_id: Id of a committed row in state ``queued``.
        """


class NoQueue:
    """For programs that run their jobs themselves, such as the command line."""

    def send(self, kind: JobKind, job_id: str) -> None:
        """Does nothing: the caller runs the job."""


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
        stopping: Set when this process was told to stop; work in progress is given back at its next checkpoint.
    """

    settings: Settings
    database: Database
    blobs: BlobStore
    engine: Callable[[], FaceEngine]
    queue: JobQueue
    stopping: threading.Event = field(default_factory=threading.Event)


def build_context(settings: Settings, queue: JobQueue | None = None) -> Context:
    """Puts the parts together. Opens no connection and loads no model yet.

    Args:
        settings: The settings.
        queue: Where jobs are announced; ``None`` where the caller runs them itself.

    Returns:
        The context.
    """
    database = Database(settings.database)
    return Context(
        settings=settings,
        database=database,
        blobs=open_store(blob_places(settings)),
        engine=EngineSource(settings, database),
        queue=queue or NoQueue(),
    )


def blob_places(settings: Settings) -> BlobPlaces:
    """Where the settings say that videos, pictures and exports are kept."""
    return BlobPlaces(
        uploads=settings.upload_folder,
        faces=settings.faces_folder,
        exports=settings.faaaaaces_data / "data" / "exports",
        temp=settings.temp_folder,
        address=settings.blob_store,
    )
