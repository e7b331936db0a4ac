"""Keeps a device busy: while it computes one batch, the next is made and copied."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_IN_FLIGHT = 2


def run_overlapped(run: Callable[[Item], Result], items: Iterable[Item], at_once: int = _IN_FLIGHT) -> Iterator[Result]:
    """Calls ``run`` for each item on several threads, so that copies of one call take place while another computes.

    ONNX Runtime gives each call at the same time a stream of its own on the device. The items are taken, and so made
    if the iterable makes them, by the caller's thread while others run.

    Args:
        run: Copies, computes and copies back; must be safe to call from several threads.
        items: At most ``at_once`` of them, and one more, exist at a time.
        at_once: Threads.

    Yields:
        The results in the order of the items. What ``run`` raises is raised for its item, and ends the iteration.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(at_once, thread_name_prefix="device") as pool:
        try:
            for item in items:
                if len(waiting) == at_once:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(run, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
