"""Makes the process's engine for the pack that is chosen."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from app.config import Settings
from app.models import EmbeddingSpace
from app.pack_names import FALLBACK, REFERENCE
from app.services.models.choose import Choice, choose, missing_parts, model_files, named_pack
from app.storage import spaces
from app.storage.database import Database
from app.vision import FaceEngine, Pack
from app.vision.runtime import RuntimeOptions, check_providers

logger = logging.getLogger(__name__)

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
        engine = make_engine(settings, choice.pack, attributes=settings.face_attributes)
        logger.info("networks loaded", extra={"pack": choice.pack.name})
        if choice.remark is not None:
            logger.log(logging.WARNING if choice.fell_back else logging.INFO, choice.remark)
        if choice.pack.name == REFERENCE and check_providers(settings.execution_providers) == ("cpu",):
            logger.info(_slow(settings))
        return engine


def make_engine(settings: Settings, pack: Pack, *, attributes: Sequence[str] = ()) -> FaceEngine:
    """Loads the networks of a pack, to be run as the settings say.

    Args:
        settings: The settings.
        pack: The pack; need not be the one that the settings name.
        attributes: What to guess about faces.

    Raises:
        ModelError: Weights are missing or damaged.
    """
    return FaceEngine(
        pack,
        model_files(settings),
        runtime=runtime_options(settings),
        detection_size=settings.detection_size,
        confidence=settings.face_confidence_threshold,
        min_face_size=settings.min_face_size,
        attributes=attributes,
    )


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
