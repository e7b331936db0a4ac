"""A network, ready to run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from app.errors import ModelError
from app.vision.runtime.cores import available_cores
from app.vision.runtime.idle import idle_watch
from app.vision.runtime.loading import Example, Loaded, Model, Plan, load
from app.vision.runtime.options import RuntimeOptions
from app.vision.runtime.overlap import run_overlapped
from app.vision.runtime.pool import on_worker
from app.vision.runtime.providers import CPU

Inputs = Mapping[str, npt.NDArray[Any]]
Outputs = list[npt.NDArray[np.float32]]


class OnnxSession:
    """A loaded ONNX model.

    Safe to use from several threads at once, and, like every owner of threads, to be made after a fork and not before.
    With :attr:`RuntimeOptions.idle_seconds` it unloads itself while nobody needs it, and the next run takes longer.

    Attributes:
        seconds: Wall time so far during which at least one thread was inside :meth:`run`, loading aside; for
            measurement.
        providers: What runs it, best first, by the names of :data:`~app.vision.runtime.PROVIDER_NAMES`.
        half_precision: Whether it runs in half precision.
        side_by_side: Whether runs on the threads of :func:`~app.vision.runtime.worker_pool` take one core each. As many
            runs as cores are then done 5 to 40 % sooner than one after the other on all cores. They are made by a
            twin, which is loaded for the first of them.
        input_names: Names of the inputs, in the model's order.
        output_names: Names of the outputs, in the order in which :meth:`run` gives them.
    """

    def __init__(
        self,
        model: Model,
        *,
        runtime: RuntimeOptions | None = None,
        threads: int | None = None,
        blocked_layout: bool = False,
        fixed_shapes: bool = False,
        example: Example | None = None,
        twin_bytes: int = 0,
    ) -> None:
        """Loads a model.

        Args:
            model: The serialised ``ModelProto``; or the file that holds it, or a function that gives the bytes: these
                take less memory, as the bytes are not kept.
            runtime: How networks are run; as suits this machine when ``None``.
            threads: Threads for one operator, instead of what ``runtime`` says. 1 runs it on the caller's thread.
            blocked_layout: Lets the runtime use its NCHWc layout on a CPU. It halves the time of nets with ReLU and
                slows down those with PReLU on large maps, which it has no kernel for; measure it for each net.
            fixed_shapes: Promises that all runs have the same shapes, so that memory can be planned once.
            example: Makes what the only input is given in real use, a batch of it. On an NVIDIA GPU half precision is
                tried on that, and kept where no output moves by more than 1e-3 in cosine distance; without an example
                the model stays as it is.
            twin_bytes: Largest graph, in bytes, of which there may be a twin: see :attr:`side_by_side`. The twin takes
                the weights once more.

        Raises:
            ConfigError: ``runtime`` asks for a provider that does not exist or is not installed.
            ModelError: The model cannot be loaded, or not by the provider that was asked for.
        """
        self._model = model
        self._plan = Plan(runtime or RuntimeOptions(), threads, blocked_layout, fixed_shapes, example)
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._active = 0
        self._busy_since = 0.0
        self._session: onnxruntime.InferenceSession | None = None
        self._twin: onnxruntime.InferenceSession | None = None
        loaded = self._load()
        # What was tried need not be tried again, and the example may refer to who owns this session. The bytes are
        # needed only to load them again.
        self._plan = replace(self._plan, example=None)
        self.providers = loaded.providers
        self.side_by_side = not self.accelerated and loaded.size <= twin_bytes and self._threads > 1
        self._model = loaded.model
        self._forget_model()
        self.half_precision = loaded.half_precision
        self.input_names = [str(node.name) for node in loaded.session.get_inputs()]
        self.output_names = [str(node.name) for node in loaded.session.get_outputs()]

    @property
    def accelerated(self) -> bool:
        """Whether something else than the CPU does the work; larger batches pay there."""
        return self.providers != (CPU,)

    @property
    def _threads(self) -> int:
        return self._plan.threads or self._plan.runtime.threads or available_cores()

    @property
    def loaded(self) -> bool:
        """Whether it is in memory; if not, the next run loads it."""
        return self._session is not None

    def run(self, inputs: Inputs) -> Outputs:
        """Runs the model.

        Args:
            inputs: One array per input, by name; shapes and dtypes as the model declares them.

        Returns:
            All outputs in the model's order.

        Raises:
            ModelError: The inputs do not fit, or the runtime fails.
        """
        with self._counted() as session:
            # The runtime's exceptions share no base class below Exception, hence the broad net.
            try:
                outputs: Outputs = session.run(None, dict(inputs))
            except Exception as error:
                raise ModelError("A model failed on its input.") from error
        return outputs

    def run_all(self, batches: Iterable[Inputs]) -> Iterator[Outputs]:
        """Runs the model on several batches; on an accelerator one is copied while another is computed.

        Args:
            batches: Inputs as for :meth:`run`; made one after the other, when they are needed, if they can be.

        Yields:
            What :meth:`run` returns, in the order of the batches.

        Raises:
            ModelError: As for :meth:`run`.
        """
        return run_overlapped(self.run, batches) if self.accelerated else map(self.run, batches)

    def unload_if_idle(self) -> tuple[bool, float | None]:
        """See :class:`app.vision.runtime.idle.Unloadable`."""
        patience = self._plan.runtime.idle_seconds
        with self._lock:
            if self._session is None or patience is None:
                return False, None
            left = patience if self._active else self._used_at + patience - time.monotonic()
            if left > 0:
                return False, left
            self._session = self._twin = None
        return True, None

    def _load(self) -> Loaded:
        """Brings it into memory; under the lock, but for the first time."""
        loaded = load(self._model, self._plan)
        self._session = loaded.session
        self._used_at = time.monotonic()
        if self._plan.runtime.idle_seconds is not None:
            idle_watch().add(self)
        return loaded

    def _load_twin(self) -> onnxruntime.InferenceSession:
        """Loads the same for one core; under the lock."""
        self._twin = load(self._model, replace(self._plan, threads=1)).session
        self._forget_model()
        return self._twin

    def _forget_model(self) -> None:
        """Lets go of the model's bytes where nothing will be loaded any more."""
        if self._plan.runtime.idle_seconds is None and (self._twin or not self.side_by_side):
            self._model = b""

    @contextmanager
    def _counted(self) -> Iterator[onnxruntime.InferenceSession]:
        """Gives the network, and adds to :attr:`seconds`; runs that overlap count once."""
        with self._lock:
            session = self._session or self._load().session
            if self.side_by_side and on_worker():
                session = self._twin or self._load_twin()
            if not self._active:
                self._busy_since = time.perf_counter()
            self._active += 1
        try:
            yield session
        finally:
            with self._lock:
                self._active -= 1
                if not self._active:
                    self.seconds += time.perf_counter() - self._busy_since
                    self._used_at = time.monotonic()
