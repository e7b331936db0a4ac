"""Stopwatches: wall and processor time of a block, and where a run spends its time step by step."""

from __future__ import annotations

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Elapsed:
    """Seconds of a block: on the clock, and of all cores together that this process used."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def timed() -> Iterator[Elapsed]:
    """Measures a block; the figures are there after it."""
    elapsed = Elapsed()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield elapsed
    finally:
        elapsed.wall, elapsed.cpu = time.perf_counter() - wall, time.process_time() - cpu


class Steps:
    """Adds up the wall time of named steps of one thread; of steps within steps only the outermost counts.

    Attributes:
        seconds: By name of the step.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._thread = threading.get_ident()
        self._inside = False

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Counts the block, unless another step or another thread is around it."""
        if self._inside or threading.get_ident() != self._thread:
            yield
            return
        self._inside = True
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started
            self._inside = False

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, counted."""

        @functools.wraps(call)
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self.step(name):
                return call(*args, **kwargs)

        return counted

    def around_block(self, name: str, make: Callable[..., AbstractContextManager[Any]]) -> Callable[..., Any]:
        """The same context manager, counted from its beginning to its end."""

        @contextmanager
        def counted(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with self.step(name), make(*args, **kwargs) as value:
                yield value

        return counted
