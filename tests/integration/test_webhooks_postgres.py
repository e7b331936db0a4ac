"""Two jobs that end at the same moment, each the last one in its own eyes: their batch is told of once."""

from __future__ import annotations

import threading
from functools import partial

from sqlalchemy import select

from app.config import Settings
from app.domain import JobKind
from app.models import WebhookDelivery
from app.services.webhook_messages import file_messages
from app.storage import batches as batch_rows
from app.storage import jobs as job_rows
from app.storage.database import Database

BLOCKED_SECONDS = 1.0  # long enough to end a job in, if nothing blocks


def test_the_last_two_jobs_of_a_batch(postgres_url: str) -> None:
    database = Database(postgres_url)
    database.upgrade()
    settings = Settings.model_validate({"webhook_url": "https://example.org/hook"})
    database.before_commit = partial(file_messages, settings)
    with database.write() as session:
        batch = batch_rows.add(session, "2 links").id
        first, second = job_rows.add_many(session, JobKind.FETCH_VIDEO, [{}, {}], batch_id=batch)
        tokens = [job_rows.claim(session, job, "here:1:1", 60.0) or "" for job in (first, second)]

    def end_second() -> None:
        with database.write() as session:
            job_rows.succeed(session, second, tokens[1])

    other = threading.Thread(target=end_second)
    with database.write() as session:
        job_rows.succeed(session, first, tokens[0])
        file_messages(settings, session)
        other.start()
        other.join(BLOCKED_SECONDS)
    other.join(60)
    with database.session() as session:
        events = session.scalars(select(WebhookDelivery.event)).all()
    database.dispose()
    assert sorted(events) == ["batch.ended", "job.succeeded", "job.succeeded"]
