"""The whole application with two workers: clips by upload and by address, grouped at the end as if one had done it."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from app.config import load_settings
from app.domain import Image, JobState
from app.models import Job
from app.storage.database import Database
from tests.e2e.test_run import ROOT, Running
from tests.films import make_film
from tests.signers import check_signers, sign_clips
from tests.website import Website

DEADLINE_SECONDS = 240.0

pytestmark = pytest.mark.xdist_group("run")


@pytest.fixture
def environment(tmp_path: Path, models_cache: Path) -> dict[str, str]:
    own = {
        "FAAAAACES_DATA": str(tmp_path / "library"),
        "MODELS_FOLDER": str(models_cache),
        "PORT": "0",
        "WORKER_CONCURRENCY": "2",
        "ALLOWED_FETCH_HOSTS": "127.0.0.1",
    }
    return {**os.environ, **own}


@pytest.fixture
def url(environment: dict[str, str]) -> Iterator[str]:
    """Address of the running application."""
    running = Running(environment)
    yield running.wait_for(r"FAAAAACES is ready: (http://127\.0\.0\.1:\d+)")[1]
    running.clear()


def _wait_until_all_is_done(url: str, environment: dict[str, str], job_ids: list[str]) -> list[dict[str, Any]]:
    """The jobs, once all have ended and no grouping waits or runs."""
    pause, database = threading.Event(), Database(load_settings(environment).database)
    for _ in range(int(DEADLINE_SECONDS / 0.5)):
        jobs = [requests.get(f"{url}/api/job_status/{job_id}", timeout=30).json() for job_id in job_ids]
        with database.session() as session:
            busy = session.scalars(select(Job).where(Job.state.in_((JobState.QUEUED, JobState.RUNNING)))).all()
        if all(job["status"] in ("succeeded", "failed", "cancelled") for job in jobs) and not busy:
            database.dispose()
            return jobs
        pause.wait(0.5)  # what a client of this API does
    raise AssertionError(jobs)


def _export(environment: dict[str, str]) -> list[dict[str, str]]:
    command = [sys.executable, "-m", "app.cli", "export", "faces", "--format", "csv"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_the_five_signers_through_the_web(url: str, environment: dict[str, str], shared: Path) -> None:
    job_ids = []
    for clip in sign_clips(shared):
        with clip.open("rb") as file:
            answer = requests.post(f"{url}/api/upload_video", files={"file": (clip.name, file)}, timeout=60)
        assert answer.status_code == 202
        job_ids.append(answer.json()["job_id"])
    jobs = _wait_until_all_is_done(url, environment, job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    check_signers(_export(environment), shared)
    assert len(requests.get(f"{url}/api/clusters", timeout=30).json()["clusters"]) == 5


def test_addresses_are_fetched_and_bad_ones_fail_with_a_sentence(
    url: str, environment: dict[str, str], tmp_path: Path, astronaut: Image, grace_hopper: Image
) -> None:
    film = make_film(tmp_path / "film.mp4", [astronaut, grace_hopper], seconds_each=3)
    with Website() as site:
        good = site.serve("/party.mp4", film.read_bytes())
        same = site.serve("/the-same.mp4", film.read_bytes())
        text = site.serve("/page.txt", b"no video here", "text/plain")
        answer = requests.post(
            f"{url}/api/process_urls", json={"urls": [good, site.url("/missing.mp4"), text]}, timeout=60
        )
        assert answer.status_code == 202
        jobs = _wait_until_all_is_done(url, environment, [entry["job_id"] for entry in answer.json()["submissions"]])
        assert [job["status"] for job in jobs] == ["succeeded", "failed", "failed"]
        assert all(job["error"]["message"].endswith(".") for job in jobs[1:])
        again = requests.post(f"{url}/api/process_url", json={"url": same}, timeout=60).json()
        done = _wait_until_all_is_done(url, environment, [again["job_id"]])[0]
    assert done["status"] == "succeeded"
    assert done["video_id"] == jobs[0]["video_id"]
    assert len(requests.get(f"{url}/api/people", timeout=30).json()["people"]) == 2
