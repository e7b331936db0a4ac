"""The Celery application. A message says that there is work in a queue; which, the jobs' rows tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery import Celery
from kombu.entity import Exchange, Queue

from app.config import Settings
from app.domain import QueueName
from app.tasks.embedded import embedded_url

UPKEEP = "upkeep"  # the scheduler's tasks; never behind a long video
RECOVER_SECONDS = 15.0
DELIVER_SECONDS = 10.0
CLEAN_SECONDS = 3600.0


def make_celery(settings: Settings) -> Celery:
    """Makes the application for a broker; connects to nothing yet.

    Args:
        settings: The settings; ``broker`` is a SQLite file unless set.

    Returns:
        The application with its schedule. Tasks are added by ``app.tasks.jobs.register``.
    """
    broker = embedded_url(settings.broker) if settings.uses_embedded_broker else settings.broker
    celery = Celery("faaaaaces", broker=broker)
    celery.conf.update(
        task_queues=[_queue(name) for name in (*QueueName, UPKEEP)],
        task_default_queue=UPKEEP,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        # Acknowledged late, a busy worker does not hold a message that an idle one could have
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
        beat_scheduler="app.tasks.scheduler:SteadyScheduler",
        timezone="UTC",
    )
    if settings.uses_embedded_broker:
        Path(settings.faaaaaces_data / "data").mkdir(parents=True, exist_ok=True)
    return celery


def _queue(name: str) -> Queue:
    return Queue(name, Exchange(name), routing_key=name)  # type: ignore[no-untyped-call]


def _transport_options(settings: Settings) -> dict[str, Any]:
    # Redis gives a message out again after this time; it only says once more that there is work
    return {} if settings.uses_embedded_broker else {"visibility_timeout": 3600}


def _schedule(settings: Settings) -> dict[str, Any]:
    return {
        "recover": _every(RECOVER_SECONDS, "recover"),
        "deliver": _every(DELIVER_SECONDS, "deliver_webhooks"),
        "clean": _every(CLEAN_SECONDS, "clean"),
        "cluster": _every(settings.cluster_every_minutes * 60.0, "cluster_periodically"),
    }


def _every(seconds: float, task: str) -> dict[str, Any]:
    # Expires before the next one, so that they do not pile up while no worker is there
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}
