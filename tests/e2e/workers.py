"""Starts real Celery workers for tests, and kills them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from app.serve import DOWNLOADER_QUEUES, DOWNLOADER_THREADS
from app.services.context import Context
from app.services.jobs import get_job

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 180.0
DOWNLOADER = ("--pool=threads", f"--concurrency={DOWNLOADER_THREADS}", f"--queues={DOWNLOADER_QUEUES}")
SCHEDULER = ("beat", "--pidfile=")


class Worker:
    """A worker process over a library; it takes jobs of all queues.

    Args:
        context: The library.
        name: Of the process and its log.
        options: What ``celery worker`` is told; ``DOWNLOADER`` makes it one that only downloads,
            ``SCHEDULER`` the scheduler.
        environ: More of its environment.
    """

    def __init__(
        self, context: Context, name: str = "worker", options: tuple[str, ...] = ("--pool=solo",), **environ: str
    ) -> None:
        settings = context.settings
        own = {
            "FAAAAACES_DATA": str(settings.faaaaaces_data),
            "MODELS_FOLDER": str(settings.models_folder),
            "CELERY_BROKER_URL": settings.celery_broker_url or "",
            "DATABASE_URL": settings.database_url or "",
            "ALLOWED_FETCH_HOSTS": ",".join(settings.allowed_fetch_hosts),
            "DOWNLOAD_CONCURRENCY": str(settings.download_concurrency),
        }
        command = ["-m", "celery", "--quiet", "-A", "celery_worker"]
        if options == SCHEDULER:
            command += [*options, "--loglevel=INFO"]
        else:
            command += ["worker", *options, "--without-gossip", "--without-mingle"]
            command += [f"--hostname={name}@%h", "--loglevel=INFO"]
        self._log = (settings.faaaaaces_data / f"{name}.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, **own, **environ},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def stop(self) -> int:
        """SIGTERM: it ends in an orderly way. Returns its exit status."""
        self._process.terminate()
        return self._process.wait(30)

    def kill(self) -> None:
        """SIGKILL: it gets to do nothing any more. Harmless when it is dead already."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)
        self._log.close()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """True while the process runs."""
        return self._process.poll() is None


def wait_for_job(context: Context, job_id: str, reached, worker: Worker, seconds: float = DEADLINE_SECONDS):
    """The job's row once ``reached(job)`` is true; fails when the worker ends or time runs out."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        job = get_job(context, job_id)
        if reached(job):
            return job
        assert worker.lives, (context.settings.faaaaaces_data / "worker.log").read_text()
        pause.wait(0.05)  # the row is what is waited for; nothing tells of it but the row itself
    raise AssertionError(f"job is {job.state} at {job.done} of {job.total}: {job.error}")
