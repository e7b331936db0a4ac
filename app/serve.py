"""Everything on one machine: web page, workers and scheduler, started and stopped as one.

Before anything starts, what can go wrong is tried: the data folder is locked (two workers and schedulers on one library
would do all work twice), the address is taken, the database is brought up to date. Each failure is one sentence.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import http.client
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from app.config import PROJECT_ROOT, Settings
from app.errors import ConfigError
from app.services.blob_places import blob_places
from app.storage.blobs import open_store
from app.storage.database import Database
from app.supervisor import Program, Supervisor

WORKER_GRACE_SECONDS = 8.0
WORKER_QUEUES = "vision,cluster,export"
DOWNLOADER_QUEUES = "download,upkeep"
# Made as they are needed. Settings and people limit the downloads; the rest is for the scheduler's tasks.
DOWNLOADER_THREADS = 66


def serve(settings: Settings) -> int:
    """Runs web page, workers and scheduler until Ctrl-C (or SIGTERM, or the terminal closes).

    Args:
        settings: What to run with. The programs that are started read the same environment themselves.

    Returns:
        Exit status: 0 after a signal, 1 when a part kept failing.

    Raises:
        ConfigError: The data folder is in use, the address is taken, or the database cannot be opened.
        StorageError: The store of videos and pictures is missing, closed to us or away.
    """
    with _lock_folder(settings.faaaaaces_data / "data") as note, _listen(settings.host, settings.port) as listener:
        url = _url(listener)
        note(f"process {os.getpid()}, {url}")
        _say("Bringing the database up to date ...")
        _upgrade(settings.database)
        open_store(blob_places(settings)).check()
        _say("Starting web page, worker and scheduler ... (Ctrl-C stops them)")
        ready = f"\nFAAAAACES is ready: {url}\n"
        return Supervisor(programs(settings, listener), _say, PROJECT_ROOT, partial(_answers, listener), ready).run()


def programs(settings: Settings, listener: socket.socket) -> list[Program]:
    """The programs that make up the application.

    Workers use Celery's ``solo`` pool, one process each: a forked pool would copy a process in which ONNX Runtime
    has started threads, and processes in a pool outlive a killed parent; a pool of threads would share one interpreter.
    Downloads wait for the network and not for Python, so threads of one process serve them and the scheduler's tasks.

    Args:
        settings: Number of workers, level of the log, place of the scheduler's file.
        listener: Bound socket that the web server inherits, so that no other program can take its port meanwhile.
    """
    fd = listener.fileno()
    web = ("-m", "gunicorn", f"--bind=fd://{fd}", f"--log-level={settings.log_level.lower()}")  # and gunicorn.conf.py
    # Celery warns whoever runs it as root, which matters for pickled messages; ours are JSON.
    celery = ("-W", "ignore:::celery.platforms", "-m", "celery", "--quiet", "-A", "celery_worker")
    level = f"--loglevel={settings.log_level}"
    worker = (*celery, "worker", "--without-gossip", "--without-mingle", level)
    looking = (*worker, "--pool=solo", f"--queues={WORKER_QUEUES}")
    loading = (*worker, "--pool=threads", f"--concurrency={DOWNLOADER_THREADS}", f"--queues={DOWNLOADER_QUEUES}")
    beat = (*celery, "beat", "--pidfile=", level)
    many = settings.worker_concurrency > 1
    names = [f"worker{number}" if many else "worker" for number in range(1, settings.worker_concurrency + 1)]
    return [
        Program("web", (sys.executable, *web), death_signal=signal.SIGQUIT, pass_fds=(fd,)),
        *(
            Program(name, (sys.executable, *looking, f"--hostname={name}@%h"), grace=WORKER_GRACE_SECONDS)
            for name in names
        ),
        Program("downloader", (sys.executable, *loading, "--hostname=downloader@%h"), grace=WORKER_GRACE_SECONDS),
        Program("beat", (sys.executable, *beat)),
    ]


def _upgrade(url: str) -> None:
    database = Database(url)
    try:
        database.upgrade()
    finally:
        database.dispose()


@contextlib.contextmanager
def _lock_folder(folder: Path) -> Iterator[Callable[[str], None]]:
    """Holds the folder for this process; yields a function that notes who holds it. Dying lets go of it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "run.lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"The data folder {folder} cannot be written: {error.strerror}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = f" ({text})" if (text := file.read().strip()) else ""
            raise ConfigError(
                f"FAAAAACES already runs on {folder.parent}{holder}. "
                "Stop it first, or set FAAAAACES_DATA to another folder."
            ) from error

        def note(text: str) -> None:
            file.seek(0)
            file.truncate()
            file.write(text)
            file.flush()

        yield note
        file.truncate(0)


@contextlib.contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """Takes the address, before anything else is started."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # Where a name such as localhost has addresses of both kinds, people expect the older one.
        family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(f"HOST={host} is not an address of this machine.") from error
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(128)
        except OSError as error:
            raise ConfigError(_why_not(error, host, port)) from error
        yield listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use by another program. Stop it, or choose another port, such as PORT={port + 1}."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST={host} is not an address of this machine."
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than this user has. Choose one above 1023, such as PORT=5000."
    return f"Cannot listen on {host}, port {port}: {error.strerror}."


def _reach(listener: socket.socket) -> tuple[str, int]:
    """Host and port under which this machine itself reaches the listener."""
    host, port = listener.getsockname()[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104 - compared, not bound


def _url(listener: socket.socket) -> str:
    host, port = _reach(listener)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _answers(listener: socket.socket) -> bool:
    """True when the web page answers."""
    host, port = _reach(listener)
    connection = http.client.HTTPConnection(host, port, timeout=0.5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _say(line: str) -> None:
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our lines is gone (`python run.py | head`): stop, and say no more.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
        signal.raise_signal(signal.SIGTERM)
