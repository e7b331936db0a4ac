"""The scheduler goes on when the clock is put back."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from app.config import Settings
from app.tasks.celery_app import make_celery
from app.tasks.scheduler import SteadyScheduler


def test_a_clock_that_was_put_back_holds_up_no_entry(tmp_path: Path) -> None:
    celery = make_celery(Settings.model_validate({"faaaaaces_data": str(tmp_path)}))
    assert celery.conf.beat_scheduler == f"{SteadyScheduler.__module__}:{SteadyScheduler.__name__}"
    celery.conf.beat_schedule["recover"]["schedule"] = 0.2  # the first that is due
    scheduler = SteadyScheduler(celery, schedule_filename=str(tmp_path / "schedule"))
    scheduler.tick()
    for entry in scheduler.schedule.values():
        entry.last_run_at += timedelta(hours=1)  # as they are when the clock goes back by an hour
    sent = scheduler.schedule["recover"].total_run_count
    while scheduler.schedule["recover"].total_run_count == sent:
        wait = scheduler.tick()
        assert wait <= 0.2
        time.sleep(max(wait, 0))
    scheduler.close()
