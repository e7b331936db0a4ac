"""What the models alone cost: records what the pipeline gives them, and runs them again on just that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy.typing as npt

from app.vision.detectors.mtcnn import MtcnnDetector
from app.vision.embedders.dlib_resnet import DlibEmbedder
from app.vision.runtime import OnnxSession, available_cores
from benchmarks.clock import Elapsed, timed

Inputs = Mapping[str, npt.NDArray[Any]]
Call = Callable[[], object]


@dataclass
class Phase:
    """Runs of one network that followed each other.

    Attributes:
        session: The network.
        inputs: Of each run.
    """

    session: OnnxSession
    inputs: list[Inputs] = field(default_factory=list)


@dataclass
class Recording:
    """What the pipeline gave to the models.

    Attributes:
        phases: Every run of every network, in order.
        detect: Every call of the detector, ready to be made again.
        embed: Every call of the embedder.
    """

    phases: list[Phase] = field(default_factory=list)
    detect: list[Call] = field(default_factory=list)
    embed: list[Call] = field(default_factory=list)

    def add_run(self, session: OnnxSession, inputs: Inputs) -> None:
        """Adds a run to the last phase, or to a new one where another network was last."""
        if not self.phases or self.phases[-1].session is not session:
            self.phases.append(Phase(session))
        self.phases[-1].inputs.append(inputs)


@contextmanager
def recorded() -> Iterator[Recording]:
    """Records while the block runs."""
    recording = Recording()
    lock = threading.Lock()

    def run(session: OnnxSession, inputs: Inputs) -> object:
        with lock:
            recording.add_run(session, inputs)
        return run_before(session, inputs)

    run_before = OnnxSession.run
    with ExitStack() as stack:
        stack.enter_context(patch.object(OnnxSession, "run", run))
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


def replay_networks(phases: Sequence[Phase]) -> Elapsed:
    """Runs the bare networks on what was recorded, with nothing in between.

    The runs of a phase are spread over the cores as the detector does; the embedder's phases have one run mostly,
    which uses all cores itself.
    """
    with ThreadPoolExecutor(available_cores()) as pool, timed() as elapsed:
        for phase in phases:
            list(pool.map(phase.session.run, phase.inputs))
    return elapsed
