"""Would a video that is handed in now be looked at? Database, worker and model, each told apart."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.errors import AppError
from app.services.context import Context
from app.services.presence import count_workers

logger = logging.getLogger(__name__)

# packages that carry the weights of the bundled pack; cached graphs are rebuilt from them when missing
WEIGHT_PACKAGES = ("mtcnn", "face_recognition_models")


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the program.

    Attributes:
        name: ``database``, ``worker`` or ``model``.
        ok: Whether it is there.
        message: One sentence; names no path and no address.
    """

    name: str
    ok: bool
    message: str


def check_readiness(context: Context) -> list[Check]:
    """Looks at every part; never raises."""
    database = _database(context)
    worker = _worker(context) if database.ok else Check("worker", ok=False, message="Unknown: the database is away.")
    return [database, worker, _model()]


def _database(context: Context) -> Check:
    try:
        current = context.database.is_current()
    except (AppError, SQLAlchemyError) as error:
        logger.warning("database not ready", exc_info=error)
        return Check("database", ok=False, message="The database does not answer.")
    if not current:
        return Check("database", ok=False, message="The tables belong to another version of this program.")
    return Check("database", ok=True, message="The database answers.")


def _worker(context: Context) -> Check:
    try:
        count = count_workers(context)
    except (AppError, SQLAlchemyError) as error:
        logger.warning("workers not counted", exc_info=error)
        return Check("worker", ok=False, message="The database does not answer.")
    if not count:
        return Check("worker", ok=False, message="No worker is running, so videos wait. Start one, or use run.py.")
    return Check("worker", ok=True, message="One worker is there." if count == 1 else f"{count} workers are there.")


def _model() -> Check:
    missing = [name for name in WEIGHT_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        return Check("model", ok=False, message=f"The weights are missing: install {' and '.join(missing)}.")
    return Check("model", ok=True, message="The weights are installed.")
