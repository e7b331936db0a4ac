"""How gunicorn serves FAAAAACES, at home and in production: it reads this file in the folder that it starts in."""

from __future__ import annotations

import os
from typing import Any

wsgi_app = "run:web_app()"
worker_class = "gthread"
# One process: uploads and pictures wait for disk and network, not for Python. `--workers` adds more.
workers = 1
# Each open page holds one thread for its live updates; idle threads cost nothing.
threads = 64
# Seconds. The worker tells the master that it lives from a thread that no request blocks, so this may be short of
# the time that a large upload takes.
timeout = 120
graceful_timeout = 3
control_socket_disable = True
if os.access("/dev/shm", os.W_OK):  # noqa: S108 - gunicorn's file in there gets a random name
    worker_tmp_dir = "/dev/shm"  # noqa: S108 - touching a file on a busy disk can block


def post_worker_init(worker: Any) -> None:
    """Lets the application end its event streams when the worker is about to stop, so that stopping takes no time."""
    worker.wsgi.extensions["faaaaaces_stopping"] = lambda: not worker.alive
