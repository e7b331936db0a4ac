"""What the models alone cost: records what the pipeline gives them, and runs them again on just that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from app.vision.detectors.mtcnn import MtcnnDetector
from app.vision.embedders.dlib_resnet import DlibEmbedder
from app.vision.runtime import available_cores, on_worker, spread
from benchmarks import bare
from benchmarks.clock import Elapsed, timed

Call = Callable[[], object]


@dataclass
class Recording:
    """What the pipeline gave to the models.

    Attributes:
        tape: Every run of every network, in order.
        detect: Every call of the detector, ready to be made again; those of a group were made side by side.
        embed: Every call of the embedder, likewise.
    """

    tape: bare.Tape
    detect: list[list[Call]] = field(default_factory=list)
    embed: list[list[Call]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: list[list[Call]] | None = None

    def note(self, calls: list[list[Call]], call: Call) -> None:
        """Adds a call to the detector's or to the embedder's; what else is called in between ends a group."""
        with self._lock:
            if on_worker() and self._open is calls:
                calls[-1].append(call)
            else:
                calls.append([call])
            self._open = calls if on_worker() else None


@contextmanager
def recorded() -> Iterator[Recording]:
    """Records while the block runs."""
    with ExitStack() as stack:
        recording = Recording(stack.enter_context(bare.taped()))
        stack.enter_context(
            patch.object(MtcnnDetector, "detect", _noted(MtcnnDetector.detect, recording, recording.detect))
        )
        stack.enter_context(patch.object(DlibEmbedder, "embed", _noted(DlibEmbedder.embed, recording, recording.embed)))
        yield recording


def _noted(method: Callable[..., Any], recording: Recording, calls: list[list[Call]]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        recording.note(calls, lambda: method(*args, **kwargs))
        return method(*args, **kwargs)

    return call


def replay_models(calls: Sequence[Sequence[Call]]) -> Elapsed:
    """Calls the detector or the embedder on what was recorded, side by side where it was so."""
    with timed() as elapsed:
        for group in calls:
            spread(lambda call: call(), group, available_cores())
    return elapsed


def replay_networks(tape: bare.Tape) -> Elapsed:
    """Runs the bare networks on what was recorded, with nothing in between; see :func:`benchmarks.bare.replay`."""
    with timed() as elapsed:
        bare.replay(tape)
    return elapsed
