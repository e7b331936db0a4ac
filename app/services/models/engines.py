"""Makes the process's engine for the pack that is chosen, and fetches what it needs."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from app.config import Settings
from app.errors import ModelError
from app.models import EmbeddingSpace
from app.pack_names import FALLBACK, REFERENCE
from app.services.models.choose import Choice, choose, missing_parts, model_files, named_pack, wish
from app.services.models.pull import Network, pull
from app.services.models.records import Records
from app.services.models.sources import weights_of
from app.services.models.store import verify_weights
from app.storage import spaces
from app.storage.database import Database
from app.vision import FaceEngine
from app.vision.runtime import RuntimeOptions, check_providers

if TYPE_CHECKING:
    from app.services.context import Context
    from app.services.job_run import JobRun

logger = logging.getLogger(__name__)

# A machine without a network must start at once, and must not try again with every video
HURRY_SECONDS = 4.0
RETRY_SECONDS = 6 * 3600.0
_QUICK = "yunet-mobilefacenet"


class EngineSource:
    """Gives the process's one engine; the first call loads its networks, whichever thread asks first.

    The engine is made anew when the choice changes: when the library's first face, or a migration, pins another pack.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._engine: FaceEngine | None = None
        self._lock = threading.Lock()

    def __call__(self) -> FaceEngine:
        """The engine.

        Raises:
            ConfigError: The settings name a pack that does not exist.
            PackMismatchError: The library was begun with another pack.
            ModelError: Weights are missing or damaged.
        """
        with self._lock:
            pinned = pinned_space(self._database)
            if self._engine is None or pinned is None or pinned.name != self._engine.pack.space:
                choice = choose(self._settings, pinned)
                if self._engine is None or self._engine.pack != choice.pack:
                    self._engine = None  # let go of its memory first
                    self._engine = self._make(choice)
            return self._engine

    def _make(self, choice: Choice) -> FaceEngine:
        settings = self._settings
        engine = FaceEngine(
            choice.pack,
            model_files(settings),
            runtime=runtime_options(settings),
            detection_size=settings.detection_size,
            confidence=settings.face_confidence_threshold,
            min_face_size=settings.min_face_size,
            attributes=settings.face_attributes,
        )
        logger.info("networks loaded", extra={"pack": choice.pack.name})
        if choice.remark is not None:
            logger.log(logging.WARNING if choice.fell_back else logging.INFO, choice.remark)
        if choice.pack.name == REFERENCE and check_providers(settings.execution_providers) == ("cpu",):
            logger.info(_slow(settings))
        return engine


def runtime_options(settings: Settings) -> RuntimeOptions:
    """How networks are run, by the settings."""
    return RuntimeOptions(
        providers=settings.execution_providers,
        threads=settings.model_threads,
        idle_seconds=settings.models_idle_minutes * 60 or None,
        half_precision=settings.half_precision,
    )


def _slow(settings: Settings) -> str:
    light = named_pack(settings, _QUICK)
    quick = FALLBACK if missing_parts(light, model_files(settings)) else _QUICK
    return (
        f"The pack {REFERENCE} is slow without a graphics processor. Much quicker is {quick}: set FACE_PACK={quick} before the "
        f"first video, or run `faaaaaces migrate-pack {quick}` later."
    )


def pinned_space(database: Database) -> EmbeddingSpace | None:
    """The space of the library's faces; ``None`` before the first."""
    with database.session() as session:
        return spaces.pinned(session)


def fetch_missing_weights(context: Context, run: JobRun) -> None:
    """Fetches what the chosen pack lacks, as a step of a job.

    For ``auto`` this is tried once in a while; where it fails the other pack is used.

    Args:
        context: The context.
        run: The attempt that needs them.

    Raises:
        ConfigError: The settings name a pack that does not exist.
        PackMismatchError: The library was begun with another pack.
        ModelError: No other pack will do, and its weights cannot be fetched.
        JobCancelledError: A person cancelled the job.
    """
    settings, files = context.settings, model_files(context.settings)
    wanted, records = wish(settings, pinned_space(context.database)), Records(files.cache)
    try:
        verify_weights(wanted.pack, files)
        return
    except ModelError:
        last = records.failure()
    if not wanted.required and last is not None and 0 <= time.time() - last.at < RETRY_SECONDS:
        return
    network = Network(settings.allowed_fetch_hosts, connect_timeout=HURRY_SECONDS)
    done = run.done
    run.report(step="fetching")
    try:
        pull(
            files,
            weights_of(wanted.pack),
            network,
            progress=lambda _name, done, total: _tell(run, done, total),
            waiting=run.check,
        )
    except ModelError as error:
        if wanted.required:
            raise
        records.note_failure(error.message)
        logger.warning("reference weights not fetched: %s", error.message)
    run.restart_progress()
    run.done = done


def _tell(run: JobRun, done: int, total: int | None) -> None:
    run.check()
    if total is not None:
        run.set_total(total)
    run.report(done=done)
