"""Worker entry: ``celery -A celery_worker worker`` and ``celery -A celery_worker beat``."""

from __future__ import annotations

from celery import Celery

from app.config import load_settings
from app.log import configure_logging
from app.services.context import build_context
from app.tasks.celery_app import make_celery
from app.tasks.jobs import register
from app.tasks.queue import CeleryQueue
from app.tasks.worker import attach


def _make() -> Celery:
    settings = load_settings()
    configure_logging(settings.log_level)
    celery = make_celery(settings)
    context = build_context(settings, CeleryQueue(celery))
    register(celery, context)
    attach(celery, context)
    return celery


celery = _make()
