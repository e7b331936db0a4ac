"""The one pool of threads of a process for work that is spread over cores."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from app.vision.runtime.cores import available_cores

_lock = threading.Lock()
_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def worker_pool(threads: int | None = None) -> ThreadPoolExecutor:
    """Gives the pool on which networks that run on one core each, and the work between them, are spread.

    All callers that want as many threads share one pool, so that several detectors in a process do not bring a set of
    threads each. ONNX Runtime's own global pool would be another way; but from Python its threads cannot be kept from
    spinning for some 27 ms after each run, and it forbids sessions that run on the caller's thread alone, which makes
    MTCNN slower by 30 % (640x360, 2 cores, ONNX Runtime 1.31).

    Work that runs on the pool must not wait for other work on it.

    Args:
        threads: As many; :func:`available_cores` when ``None``.
    """
    # A process that was forked has the object, but not the threads: hence one for each process id.
    key = (os.getpid(), threads or available_cores())
    with _lock:
        if key not in _pools:
            _pools[key] = ThreadPoolExecutor(key[1], thread_name_prefix="vision")
        return _pools[key]


def _unlock_after_fork() -> None:
    # another thread of the parent may have held it
    global _lock  # noqa: PLW0603 - a lock cannot be opened by who does not hold it
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_after_fork)
