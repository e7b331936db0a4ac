"""The one pool of threads of a process for work that is spread over cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.vision.runtime.cores import available_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

_lock = threading.Lock()
_here = threading.local()
_TWO = 2
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
            _pools[key] = ThreadPoolExecutor(key[1], thread_name_prefix="vision", initializer=_mark)
        return _pools[key]


def on_worker() -> bool:
    """Whether the caller runs on a pool of :func:`worker_pool`, and so has one core to itself."""
    return getattr(_here, "worker", False)


def spread(work: Callable[[Item], Result], items: Sequence[Item], threads: int) -> list[Result]:
    """Does the same with each item, as many at once as there are threads; on a worker one after the other.

    Where a few items are left over that would leave half of the cores idle, the caller's thread does these, one by one:
    a network that runs there uses all cores.

    Args:
        work: What to do; must be safe to call from several threads, and must not wait for other work on the pool.
        items: With what.
        threads: As for :func:`worker_pool`.

    Returns:
        The results in the order of the items. What ``work`` raises is raised.
    """
    left = len(items) % threads
    whole = 0 if on_worker() or threads < _TWO else len(items) - (left if left * 2 <= threads else 0)
    shared = list(worker_pool(threads).map(work, items[:whole])) if whole else []
    return shared + [work(item) for item in items[whole:]]


def _mark() -> None:
    _here.worker = True


def _unlock_after_fork() -> None:
    # another thread of the parent may have held it
    global _lock  # noqa: PLW0603 - a lock cannot be opened by who does not hold it
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_after_fork)
