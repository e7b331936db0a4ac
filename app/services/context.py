"""What every use case needs, built once per process and handed down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from app.config import Settings
from app.domain import JobKind
from app.storage.blobs import BlobStore
from app.storage.database import Database
from app.vision import FaceEngine, get_pack


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
        engine: Returns the process's one engine; the first call loads the models and takes seconds.
        queue: Where jobs are announced.
        stopping: Set when this process was told to stop; work in progress is given back at its next checkpoint.
    """

    settings: Settings
    database: Database
    blobs: BlobStore
    engine: Callable[[], FaceEngine]
    queue: JobQueue
    stopping: threading.Event = field(default_factory=threading.Event)


class _LazyEngine:
    """Loads the models at the first call, once, whichever thread asks first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: FaceEngine | None = None
        self._lock = threading.Lock()

    def __call__(self) -> FaceEngine:
        with self._lock:
            if self._engine is None:
                settings = self._settings
                self._engine = FaceEngine(
                    get_pack(settings.face_pack),
                    settings.models_folder,
                    detection_size=settings.detection_size,
                    confidence=settings.face_confidence_threshold,
                    min_face_size=settings.min_face_size,
                )
            return self._engine


def build_context(settings: Settings, queue: JobQueue | None = None) -> Context:
    """Puts the parts together. Opens no connection and loads no model yet.

    Args:
        settings: The settings.
        queue: Where jobs are announced; ``None`` where the caller runs them itself.

    Returns:
        The context.
    """
    return Context(
        settings=settings,
        database=Database(settings.database),
        blobs=BlobStore(settings.upload_folder, settings.faces_folder, settings.temp_folder),
        engine=_LazyEngine(settings),
        queue=queue or NoQueue(),
    )
