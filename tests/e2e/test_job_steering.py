"""A person steers jobs in a real browser: pause, resume, cancel, try again, queues, logs, batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from app.domain import JobState
from app.factory import create_app
from app.models import JobLog
from app.services.context import Context
from app.storage import batches as batch_rows
from tests.browser import served
from tests.library import Library, ago, make_context

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = make_context(tmp_path)
    yield made
    made.database.dispose()


@pytest.fixture
def library(context: Context) -> Library:
    return Library(context)


@pytest.fixture
def site(context: Context) -> Iterator[str]:
    with served(create_app(context.settings, context)) as base:
        yield base


def write_line(context: Context, job: str, message: str) -> None:
    with context.database.write() as session:
        session.add(JobLog(job_id=job, message=message))


def press(row: Locator, name: str) -> None:
    row.get_by_role("button", name=name).click()


def test_steering_jobs(site: str, open_page: Callable[..., Page], context: Context, library: Library) -> None:
    with context.database.write() as session:
        batch = batch_rows.add(session, "Two links").id
    film = library.video("Summer in Rome", state=None)
    job = library.job(film, state=JobState.RUNNING, step="looking", done=10.0, total=60.0, started_at=ago(minutes=1))
    for number in range(2):
        library.job(library.video(f"Link {number}", state=None), batch_id=batch)
    write_line(context, job, "Taken by a worker.")
    page = open_page()
    page.goto(f"{site}/jobs")
    page.evaluate("window.neverReloaded = true")
    row = page.locator(f"#job-{job}")

    row.locator(".log summary").click()
    expect(row.locator(".log-lines")).to_contain_text("Taken by a worker.")
    write_line(context, job, "The first face.")
    library.change_job(job, done=20.0, faces_found=1)
    expect(row.locator("[data-job-line]")).to_contain_text("20 of 60 frames · 1 face")
    expect(row.locator(".log-lines")).to_contain_text("The first face.")

    press(row, "Pause Summer in Rome")
    expect(page.locator("[data-toast]")).to_have_text("Paused")
    expect(row.locator(".badge")).to_have_text("Paused")
    expect(row.locator("[data-job-line]")).to_have_text("Paused · 20 of 60 frames done")
    press(row, "Resume Summer in Rome")
    expect(row.locator(".badge")).to_have_text("Waiting")
    row.locator("summary", has_text="Cancel").click()
    press(row, "Keep what was found Summer in Rome")
    expect(row.locator(".badge")).to_have_text("Cancelled")
    press(row, "Try again Summer in Rome")
    expect(row.locator(".badge")).to_have_text("Waiting")
    expect(row.locator(".log-lines")).to_contain_text("To be tried again.")

    queue = page.locator("#queue-vision")
    press(queue, "Pause Looking for faces")
    expect(queue.locator(".badge")).to_have_text("Paused")
    queue.get_by_label("at once").fill("3")
    queue.get_by_label("at once").press("Enter")
    expect(page.locator("[data-toast]")).to_have_text("3 at once")
    expect(queue.get_by_label("at once")).to_have_value("3")
    press(queue, "Resume Looking for faces")
    expect(queue.locator(".badge")).to_have_count(0)

    together = page.locator(f"#batch-{batch}")
    press(together, "Pause Two links")
    expect(together).to_contain_text("0 of 2 jobs ended · 2 paused")
    together.locator("summary", has_text="Cancel").click()
    press(together, "Keep what was found Two links")
    expect(together).to_contain_text("2 of 2 jobs ended · 2 cancelled")
    assert page.evaluate("window.neverReloaded"), "all of this must come without a reload"

    row.get_by_role("link", name=re.compile("Details")).click()
    expect(page.get_by_role("heading", name="Steps")).to_be_visible()
    library.change_job(job, state=JobState.SUCCEEDED, step="done", finished_at=ago(seconds=1))
    expect(page.locator(".step-done")).to_have_count(4)


def test_somebody_else_was_quicker(site: str, open_page: Callable[..., Page], library: Library) -> None:
    job = library.job(library.video("Clip", state=None))
    page = open_page(expected="409")
    page.route("**/api/events", lambda route: route.fulfill(status=204))  # so that the page does not hear of it
    page.goto(f"{site}/jobs")
    library.change_job(job, state=JobState.SUCCEEDED)
    press(page.locator(f"#job-{job}"), "Pause Clip")
    expect(page.locator("[data-toast]")).to_have_text("This job has ended well, so it cannot be paused.")
    expect(page.locator(f"#job-{job} .badge")).to_have_text("Done")


def test_without_scripts(site: str, open_page: Callable[..., Page], library: Library) -> None:
    job = library.job(library.video("Clip", state=None))
    page = open_page(scripts=False, expected=".js csp")
    page.goto(f"{site}/jobs")
    press(page.locator(f"#job-{job}"), "Pause Clip")
    expect(page.locator(".flash")).to_have_text("The job is paused.")
    press(page.locator(f"#job-{job}"), "Resume Clip")
    expect(page.locator(".flash")).to_have_text("The job goes on.")
