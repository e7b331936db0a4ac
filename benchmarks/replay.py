"""What the models alone cost: records what the pipeline gives them, and runs them again on just that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from app.vision.detectors.mtcnn import MtcnnDetector
from app.vision.embedders.dlib_resnet import DlibEmbedder
from benchmarks import bare
from benchmarks.clock import Elapsed, timed

Call = Callable[[], object]


@dataclass
class Recording:
    """What the pipeline gave to the models.

    Attributes:
        tape: Every run of every network, in order.
        detect: Every call of the detector, ready to be made again.
        embed: Every call of the embedder.
    """

    tape: bare.Tape
    detect: list[Call] = field(default_factory=list)
    embed: list[Call] = field(default_factory=list)


@contextmanager
def recorded() -> Iterator[Recording]:
    """Records while the block runs."""
    with ExitStack() as stack:
        recording = Recording(stack.enter_context(bare.taped()))
        stack.enter_context(patch.object(MtcnnDetector, "detect", _noted(MtcnnDetector.detect, recording.detect)))
        stack.enter_context(patch.object(DlibEmbedder, "embed", _noted(DlibEmbedder.embed, recording.embed)))
        yield recording


def _noted(method: Callable[..., Any], calls: list[Call]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(lambda: method(*args, **kwargs))
        return method(*args, **kwargs)

    return call


def replay_models(calls: Sequence[Call]) -> Elapsed:
    """Calls the detector or the embedder on what was recorded."""
    with timed() as elapsed:
        for call in calls:
            call()
    return elapsed


def replay_networks(tape: bare.Tape) -> Elapsed:
    """Runs the bare networks on what was recorded, with nothing in between; see :func:`benchmarks.bare.replay`."""
    with timed() as elapsed:
        bare.replay(tape)
    return elapsed
