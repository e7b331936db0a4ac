"""Would a video that is handed in now be looked at? Database, worker, model, storage and disk, each told apart."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.errors import AppError
from app.services.context import Context
from app.services.limits import disk_state
from app.services.models.status import pack_status
from app.services.presence import count_downloaders, count_workers

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the program.

    Attributes:
        name: ``database``, ``worker``, ``model``, ``storage`` or ``disk``.
        ok: Whether it is there.
        message: One sentence; names no path and no address.
    """

    name: str
    ok: bool
    message: str


def check_readiness(context: Context) -> list[Check]:
    """Looks at every part; never raises."""
    files = [_storage(context), _disk(context)]
    database = _database(context)
    if not database.ok:
        return [
            database,
            *(Check(name, ok=False, message="Unknown: the database is away.") for name in ("worker", "model")),
            *files,
        ]
    return [database, _worker(context), _model(context), *files]


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
        count, downloaders = count_workers(context), count_downloaders(context)
    except (AppError, SQLAlchemyError) as error:
        logger.warning("workers not counted", exc_info=error)
        return Check("worker", ok=False, message="The database does not answer.")
    if not count:
        return Check("worker", ok=False, message="No worker is running, so videos wait. Start one, or use run.py.")
    if not downloaders:
        message = "No downloader is running, so links wait, and nobody tidies up. Start one, or use run.py."
        return Check("worker", ok=False, message=message)
    return Check("worker", ok=True, message="One worker is there." if count == 1 else f"{count} workers are there.")


def _storage(context: Context) -> Check:
    try:
        context.blobs.check()
    except AppError as error:
        logger.warning("storage not ready", exc_info=error)
        return Check("storage", ok=False, message=error.message)
    return Check("storage", ok=True, message="Videos and pictures can be stored.")


def _disk(context: Context) -> Check:
    try:
        state = disk_state(context)
    except OSError as error:
        logger.warning("disk not looked at", exc_info=error)
        return Check("disk", ok=False, message="The disk does not answer.")
    return Check("disk", ok=not state.is_full, message=state.warning or "There is room on the disk.")


def _model(context: Context) -> Check:
    try:
        status = pack_status(context)
    except SQLAlchemyError as error:
        logger.warning("pack not looked up", exc_info=error)
        return Check("model", ok=False, message="The database does not answer.")
    return Check("model", ok=status.ok, message=status.message)
