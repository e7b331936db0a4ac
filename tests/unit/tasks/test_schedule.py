"""The scheduler's plan: every entry names a task that exists, and the grouping comes as often as the setting says."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery

from app.config import Settings
from app.domain import JobKind
from app.services.context import Context, build_context
from app.services.ingest import submit_file
from app.services.jobs import Outcome, run_job
from app.tasks.celery_app import make_celery
from app.tasks.jobs import register
from app.tasks.queue import CeleryQueue
from tests.films import make_film
from tests.library import RecordingQueue, make_context


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"faaaaaces_data": str(tmp_path), "cluster_every_minutes": 7})


@pytest.fixture
def celery(settings: Settings) -> Celery:
    made = make_celery(settings)
    register(made, build_context(settings, CeleryQueue(made)))
    return made


def test_every_entry_names_a_task_that_exists(celery: Celery) -> None:
    planned = {entry["task"] for entry in celery.conf.beat_schedule.values()}
    assert planned == {"recover", "deliver_webhooks", "clean", "cluster_periodically"}
    assert planned <= set(celery.tasks)


def test_the_grouping_comes_as_often_as_the_setting_says(celery: Celery) -> None:
    assert celery.conf.beat_schedule["cluster"]["schedule"] == 7 * 60


def test_the_periodic_task_queues_a_grouping_where_there_is_news(
    tmp_path: Path, models_cache: Path, astronaut, settings: Settings
) -> None:
    context: Context = make_context(tmp_path / "library", models_folder=str(models_cache), max_video_size_mb=50)
    made = make_celery(settings)
    register(made, context)
    film = make_film(tmp_path / "film.mp4", [astronaut], seconds_each=2)
    assert run_job(context, submit_file(context, film).job_id) == Outcome.SUCCEEDED
    queue = context.queue
    assert isinstance(queue, RecordingQueue)
    grouping = queue.sent[-1][1]
    assert run_job(context, grouping) == Outcome.SUCCEEDED
    assert made.tasks["cluster_periodically"]() is None
    assert run_job(context, submit_file(context, make_film(tmp_path / "b.mp4", [astronaut], seconds_each=1)).job_id)
    assert made.tasks["cluster_periodically"]() == queue.sent[-1][1]
    assert queue.sent[-1][0] == JobKind.CLUSTER
