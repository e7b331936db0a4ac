"""The one place that talks to ONNX Runtime: providers, threads, optimisation level, error translation."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from app.errors import ModelError

_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1 = Path("/sys/fs/cgroup/cpu")


def available_cores() -> int:
    """Cores that this process may use: its CPU affinity, further limited by a container's CPU quota; at least 1.

    ``os.cpu_count()`` tells the machine's cores; with as many threads as that, a container that is allowed two of 64
    spends its quota on switching between them.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _container_quota()
    return max(1, min(cores, round(quota))) if quota else cores


def _container_quota() -> float | None:
    """Cores that the control group grants (cgroup v2, then v1), or ``None`` where there is no limit."""
    try:
        if _CGROUP_V2.is_file():
            limit, period = _CGROUP_V2.read_text().split()
        else:
            limit = (_CGROUP_V1 / "cpu.cfs_quota_us").read_text().strip()
            period = (_CGROUP_V1 / "cpu.cfs_period_us").read_text().strip()
        cores = int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        # no control group, or the word "max" for "no limit"
        return None
    return cores if cores > 0 else None


@dataclass(frozen=True)
class RuntimeOptions:
    """How networks are run; the same for all of an engine.

    Attributes:
        threads: Threads for one operator; all cores this process may use when ``None``.
    """

    threads: int | None = None


class OnnxSession:
    """A loaded ONNX model on the CPU.

    Safe to use from several threads at once. Idle threads sleep rather than spin: with several sessions in one process
    (three nets of the detector, one embedder) spinning threads of one keep the cores from the other, which costs
    30-45 % at 1280x720.

    Attributes:
        seconds: Wall time so far during which at least one thread was inside :meth:`run`; for measurement.
    """

    def __init__(self, model: bytes | Path, *, threads: int | None = None, blocked_layout: bool = False) -> None:
        """Loads a model.

        Args:
            model: The serialised ``ModelProto``, or the file that holds it.
            threads: Threads for one operator; ``None`` takes :func:`available_cores`.
            blocked_layout: Lets the runtime use its NCHWc layout. It halves the time of nets with ReLU and slows
                down those with PReLU on large maps, which it has no kernel for; measure it for each net.

        Raises:
            ModelError: The model cannot be loaded.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or available_cores()
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_ENABLE_ALL if blocked_layout else levels.ORT_ENABLE_EXTENDED
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Batches and pyramid levels differ from call to call: a plan per shape would only pile up.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        source = model if isinstance(model, bytes) else str(model)
        # The runtime's exceptions share no base class below Exception, hence the broad nets here and in run().
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelError("A model file cannot be loaded; delete the models folder and start again.") from error
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._active = 0
        self._busy_since = 0.0

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in the model's order."""
        return [str(node.name) for node in self._session.get_inputs()]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in the order in which :meth:`run` gives them."""
        return [str(node.name) for node in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        """Runs the model.

        Args:
            inputs: One array per input, by name; shapes and dtypes as the model declares them.

        Returns:
            All outputs in the model's order.

        Raises:
            ModelError: The inputs do not fit, or the runtime fails.
        """
        with self._counted():
            try:
                outputs: list[npt.NDArray[np.float32]] = self._session.run(None, dict(inputs))
            except Exception as error:
                raise ModelError("A model failed on its input.") from error
        return outputs

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Adds to :attr:`seconds`; runs that overlap count once."""
        with self._lock:
            if not self._active:
                self._busy_since = time.perf_counter()
            self._active += 1
        try:
            yield
        finally:
            with self._lock:
                self._active -= 1
                if not self._active:
                    self.seconds += time.perf_counter() - self._busy_since
