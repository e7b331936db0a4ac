"""What a worker process does besides its tasks: announces itself, loads the models, brings back lost jobs."""

from __future__ import annotations

import logging
import threading

from celery import Celery, signals

from app.domain import QueueName
from app.errors import AppError
from app.services.context import Context
from app.services.download_needs import log_downloads
from app.services.jobs import recover_jobs
from app.services.presence import WorkerPresence

logger = logging.getLogger(__name__)


def attach(celery: Celery, context: Context) -> None:
    """Lets the worker process that runs this application announce itself and recover jobs at its start.

    Args:
        celery: The application.
        context: What the services work with.
    """
    presence = WorkerPresence(context)

    @signals.worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]
    def _on_ready(**_: object) -> None:
        takes = set(celery.amqp.queues.consume_from)
        presence.start({queue for queue in QueueName if queue in takes})
        recover_jobs(context)
        if QueueName.DOWNLOAD in takes:
            threading.Thread(target=log_downloads, args=(context.settings,), name="downloads", daemon=True).start()
        if QueueName.VISION in takes:
            threading.Thread(target=_warm_up, args=(context,), name="warm-up", daemon=True).start()

    @signals.worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
    def _on_stopping(**_: object) -> None:
        context.stopping.set()

    @signals.worker_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
    def _on_shutdown(**_: object) -> None:
        presence.stop()


def _warm_up(context: Context) -> None:
    """Loads the models before the first job needs them; a failure is told by the job that needs them."""
    try:
        context.engine().warm_up()
    except AppError as error:
        logger.warning("models not loaded: %s", error.message)
