"""The Celery application. A message carries a job's id; the job's row is the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery import Celery

from app.config import Settings

QUEUE_VISION = "vision"
RECOVER_SECONDS = 15.0
CLEAN_SECONDS = 3600.0


def make_celery(settings: Settings) -> Celery:
    """Makes the application for a broker; connects to nothing yet.

    Args:
        settings: The settings; ``broker`` is a SQLite file unless set.

    Returns:
        The application with its schedule. Tasks are added by ``app.tasks.jobs.register``.
    """
    celery = Celery("faaaaaces", broker=settings.broker)
    celery.conf.update(
        task_default_queue=QUEUE_VISION,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        # A message is given back when its worker dies; brokers that cannot do that are covered by recover_jobs
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=not settings.uses_embedded_broker,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_transport_options(settings),
        beat_schedule_filename=str(settings.faaaaaces_data / "data" / "celerybeat-schedule"),
        beat_schedule=_schedule(settings),
        timezone="UTC",
    )
    if settings.uses_embedded_broker:
        Path(settings.faaaaaces_data / "data").mkdir(parents=True, exist_ok=True)
    return celery


def _transport_options(settings: Settings) -> dict[str, Any]:
    if settings.uses_embedded_broker:
        return {"connect_args": {"timeout": 30}}  # seconds to wait for another process's write
    # Redis gives a message out again after this time; a job that still runs is then not claimed a second time
    return {"visibility_timeout": 3600}


def _schedule(settings: Settings) -> dict[str, Any]:
    return {
        # Expires before the next one, so that sweeps do not pile up behind a long video
        "recover": {
            "task": "recover",
            "schedule": RECOVER_SECONDS,
            "options": {"expires": RECOVER_SECONDS},
        },
        "clean": {"task": "clean", "schedule": CLEAN_SECONDS, "options": {"expires": CLEAN_SECONDS}},
        "cluster": {
            "task": "cluster_periodically",
            "schedule": settings.cluster_every_minutes * 60.0,
            "options": {"expires": settings.cluster_every_minutes * 60.0},
        },
    }
