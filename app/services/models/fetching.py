"""Brings the chosen pack's weights here as a step of a job, and tries them out before they are trusted."""

from __future__ import annotations

import logging
import time

from app.config import Settings
from app.errors import ModelError
from app.services.context import Context
from app.services.job_run import JobRun
from app.services.models.check import check_and_record
from app.services.models.choose import Wish, model_files, wish
from app.services.models.engines import pinned_space, runtime_options
from app.services.models.pull import Network, pull
from app.services.models.records import Records
from app.services.models.sources import weights_of
from app.services.models.store import verify_weights
from app.vision import Pack

logger = logging.getLogger(__name__)

# A machine without a network must start at once, and must not try again with every video
HURRY_SECONDS = 4.0
RETRY_SECONDS = 6 * 3600.0


def fetch_missing_weights(context: Context, run: JobRun) -> None:
    """Fetches what the chosen pack lacks; what is here for the first time is tried out.

    For ``auto`` this is tried once in a while; where it fails the other pack is used.

    Args:
        context: The context.
        run: The attempt that needs them.

    Raises:
        ConfigError: The settings name a pack that does not exist.
        PackMismatchError: The library was begun with another pack.
        ModelError: No other pack will do, and its weights cannot be fetched or give wrong answers.
        JobCancelledError: A person cancelled the job.
    """
    settings, files = context.settings, model_files(context.settings)
    wanted, records = wish(settings, pinned_space(context.database)), Records(files.cache)
    try:
        try:
            verify_weights(wanted.pack, files)
        except ModelError:
            if not wanted.required and _failed_lately(records):
                return
            _fetch(context, run, wanted)
        try_out(settings, wanted.pack)
    except ModelError as error:
        if wanted.required:
            raise
        records.note_failure(error.message)
        logger.warning("the reference pack cannot be had: %s", error.message)


def try_out(settings: Settings, pack: Pack) -> bool:
    """Checks a pack whose weights are new here; one that fails is not used until it passes.

    Args:
        settings: The settings.
        pack: The pack; its weights are there and recorded.

    Returns:
        Whether it was tried; False where these very weights were tried before, or come with the program.

    Raises:
        ModelError: It fails; the message holds the figures.
    """
    files = model_files(settings)
    records, weights = Records(files.cache), weights_of(pack)
    known = (records.get(weight.name) for weight in weights)
    checksums = " ".join(record.sha256 if record else "none" for record in known)
    if not weights or records.tried(pack.space) == checksums:
        return False
    try:
        check_and_record(files, pack, runtime_options(settings)).require()
    except ModelError as error:
        if records.refusal(pack.space) is None:  # it could not even be run
            records.refuse(pack.space, error.message)
        records.note_tried(pack.space, checksums)
        raise
    records.note_tried(pack.space, checksums)
    return True


def _failed_lately(records: Records) -> bool:
    last = records.failure()
    return last is not None and 0 <= time.time() - last.at < RETRY_SECONDS


def _fetch(context: Context, run: JobRun, wanted: Wish) -> None:
    def tell(_name: str, done: int, total: int | None) -> None:
        run.check()
        if total is not None:
            run.set_total(total)
        run.report(done=done)

    network = Network(context.settings.allowed_fetch_hosts, connect_timeout=HURRY_SECONDS)
    frames = run.done
    run.report(step="fetching")
    try:
        pull(model_files(context.settings), weights_of(wanted.pack), network, progress=tell, waiting=run.check)
    finally:
        run.restart_progress()
        run.done = frames  # those of an earlier attempt still count
