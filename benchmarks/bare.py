"""The bare cost of networks: records every ``session.run`` of the engine, and makes just these calls again.

The recording is made below everything of ours, at ``onnxruntime.InferenceSession.run``: what the engine adds around
it, down to its own session class, counts as the engine's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
import onnxruntime

Interval = tuple[float, float]


@dataclass
class Call:
    """One run of one network.

    Attributes:
        session: The network.
        outputs: Names of the outputs that were asked for, or ``None`` for all.
        inputs: What it got; empty where inputs were not kept.
        thread: Who called.
        begin: When, by ``time.perf_counter``.
        end: When it was done.
    """

    session: Any
    outputs: Sequence[str] | None
    inputs: dict[str, Any]
    thread: int
    begin: float
    end: float = 0.0


@dataclass
class Tape:
    """Runs of networks in the order in which they began.

    Attributes:
        calls: The runs.
        home: The thread that recorded; others are the engine's own.
    """

    calls: list[Call] = field(default_factory=list)
    home: int = field(default_factory=threading.get_ident)

    def phases(self) -> list[list[list[Call]]]:
        """Runs by phase and thread: in turns, what the recording thread ran itself, and what the engine's threads ran.

        Within a phase threads are independent; each thread's runs follow each other. The engine's threads may be in
        different networks at once, so a change of network ends no phase.
        """
        phases: list[dict[int, list[Call]]] = []
        for call in self.calls:
            if not phases or (call.thread == self.home) != (self.home in phases[-1]):
                phases.append({})
            phases[-1].setdefault(call.thread, []).append(call)
        return [list(phase.values()) for phase in phases]


@contextmanager
def taped(keep_inputs: bool = True) -> Iterator[Tape]:
    """Records while the block runs.

    Args:
        keep_inputs: Whether inputs are copied, for :func:`replay`; without, only the times are kept.
    """
    tape, lock, before = Tape(), threading.Lock(), onnxruntime.InferenceSession.run

    def run(session: Any, outputs: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        # copied, for who calls may fill the same array again
        kept = {name: np.array(value) for name, value in inputs.items()} if keep_inputs else {}
        call = Call(session, outputs, kept, threading.get_ident(), time.perf_counter())
        with lock:
            tape.calls.append(call)
        try:
            return before(session, outputs, inputs, *rest, **named)
        finally:
            call.end = time.perf_counter()

    with patch.object(onnxruntime.InferenceSession, "run", run):
        yield tape


def replay(tape: Tape) -> float:
    """Makes the recorded calls again with nothing in between, each thread's calls on a thread of its own.

    Returns:
        Seconds.
    """
    return sum(_replay_phase(threads) for threads in tape.phases())


def _replay_phase(threads: list[list[Call]]) -> float:
    if len(threads) == 1:
        started = time.perf_counter()
        _repeat(threads[0])
        return time.perf_counter() - started
    with ThreadPoolExecutor(len(threads)) as pool:
        barrier = threading.Barrier(len(threads))
        list(pool.map(lambda _: barrier.wait(), threads))  # all threads are there before the clock starts
        started = time.perf_counter()
        list(pool.map(_repeat, threads))
        return time.perf_counter() - started


def _repeat(calls: list[Call]) -> None:
    for call in calls:
        call.session.run(call.outputs, call.inputs)


def union(intervals: Sequence[Interval]) -> list[Interval]:
    """Joins intervals that overlap; sorted."""
    joined: list[Interval] = []
    for begin, end in sorted(intervals):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def length(intervals: Sequence[Interval]) -> float:
    """Seconds that are in at least one interval."""
    return sum(end - begin for begin, end in union(intervals))


def outside(intervals: Sequence[Interval], others: Sequence[Interval]) -> float:
    """Seconds that are in at least one interval and in none of the others."""
    return length([*intervals, *others]) - length(others)
