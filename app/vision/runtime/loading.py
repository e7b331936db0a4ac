"""Turns a model file into an ONNX Runtime session on the best provider that works here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnxruntime

from app.errors import ModelError
from app.vision.runtime import providers
from app.vision.runtime.cores import available_cores
from app.vision.runtime.half import TOLERANCE, to_half_precision, worst_distance
from app.vision.runtime.memory import use_shared_arena
from app.vision.runtime.options import RuntimeOptions

logger = logging.getLogger(__name__)


# What was tried in vain in this process: trying costs time, and the runtime writes to the standard error stream.
_failed: set[tuple[str, ...]] = set()

# A serialised ``ModelProto``, the file that holds it, or what gives the one or the other when it is needed.
Model = bytes | Path | Callable[[], bytes | Path]

# Makes what a network's only input is given in real use, a batch of it.
Example = Callable[[], npt.NDArray[Any]]


@dataclass(frozen=True)
class Plan:
    """What is particular to one network; see :class:`app.vision.runtime.session.OnnxSession`."""

    runtime: RuntimeOptions
    threads: int | None
    blocked_layout: bool
    fixed_shapes: bool
    example: Example | None


@dataclass(frozen=True)
class Loaded:
    """A network in memory.

    Attributes:
        session: ONNX Runtime's.
        providers: Our names of what runs it, best first.
        half_precision: Whether this is the graph in 16 bits.
        model: What was loaded in the end, where it has to be kept to load it again.
        size: Bytes of the graph as it was given.
    """

    session: onnxruntime.InferenceSession
    providers: tuple[str, ...]
    half_precision: bool
    model: Model
    size: int


def load(model: Model, plan: Plan) -> Loaded:
    """Loads a model.

    Where the choice of providers is ours and the best one fails, the CPU runs it and a warning is logged.

    Raises:
        ConfigError: A provider was asked for that does not exist or is not installed.
        ModelError: The model cannot be loaded, or not by the provider that was asked for.
    """
    wanted = providers.check_providers(plan.runtime.providers)
    source = model() if callable(model) else model
    session = _open_or_fall_back(source, wanted, plan)
    chosen = providers.running(session)
    _announce(chosen)
    if plan.example is not None and plan.runtime.half_precision and providers.on_nvidia(chosen):
        smaller = _in_half_precision(session, source, plan, plan.example())
        if smaller is not None:
            return Loaded(smaller[0], chosen, half_precision=True, model=smaller[1], size=_size(source))
    return Loaded(session, chosen, half_precision=False, model=model, size=_size(source))


def _size(model: bytes | Path) -> int:
    return len(model) if isinstance(model, bytes) else model.stat().st_size


def _open_or_fall_back(model: bytes | Path, wanted: tuple[str, ...], plan: Plan) -> onnxruntime.InferenceSession:
    automatic = providers.is_automatic(plan.runtime.providers)
    if wanted == (providers.CPU,) or (automatic and wanted in _failed):
        return _open(model, (providers.CPU,), plan)
    failure: ModelError | None = None
    try:
        session = _open(model, wanted, plan)
        # A provider whose driver or libraries are missing is left out without an error.
        if set(wanted) <= set(providers.running(session)):
            return session
    except ModelError as error:
        failure = error
    on_cpu = _open(model, (providers.CPU,), plan)
    # It is not the file, then.
    names = ", ".join(name for name in wanted if name != providers.CPU)
    if not automatic:
        raise ModelError(
            f"The execution provider {names} was asked for and does not work on this machine: see that its driver and "
            "libraries are there, or set EXECUTION_PROVIDERS=auto."
        ) from failure
    _failed.add(wanted)
    logger.warning("an execution provider fails; the CPU is used", extra={"provider": names}, exc_info=failure)
    return on_cpu


def _open(model: bytes | Path, names: Sequence[str], plan: Plan) -> onnxruntime.InferenceSession:
    if providers.on_nvidia(names):
        _load_nvidia_libraries()
    source = model if isinstance(model, bytes) else str(model)
    wanted = providers.with_settings(names, half_precision=plan.runtime.half_precision)
    # The runtime's exceptions share no base class below Exception, hence the broad net.
    try:
        # Its own way to fall back prints to the standard output and tells nobody.
        session = onnxruntime.InferenceSession(source, _options(plan), providers=wanted, enable_fallback=0)
    except Exception as error:
        raise ModelError("A model file cannot be loaded; delete the models folder and start again.") from error
    # It keeps the file's bytes, as large as the weights once more, for a change of providers that never comes.
    session._model_bytes = None
    return session


def _options(plan: Plan) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = plan.threads or plan.runtime.threads or available_cores()
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if plan.blocked_layout else levels.ORT_ENABLE_EXTENDED
    # With several sessions in one process (three nets of the detector, one embedder) spinning threads of one keep the
    # cores from the other, which costs 30-45 % at 1280x720.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Where batches and sizes differ from call to call, a plan per shape would only pile up.
    options.enable_mem_pattern = plan.fixed_shapes
    options.log_severity_level = 3
    use_shared_arena(options)
    return options


def _in_half_precision(
    session: onnxruntime.InferenceSession, model: bytes | Path, plan: Plan, example: npt.NDArray[Any]
) -> tuple[onnxruntime.InferenceSession, bytes] | None:
    """The same network in 16 bits, and its graph, if it answers the example like ``session`` does."""
    try:
        converted = to_half_precision(model)
        smaller = _open(converted, providers.running(session), plan)
        distance = worst_distance(_answer(session, example), _answer(smaller, example))
    except ModelError:
        logger.warning("a network has no half precision; it runs in single precision", exc_info=True)
        return None
    logger.info("half precision was tried", extra={"distance": f"{distance:.2g}", "used": distance <= TOLERANCE})
    return (smaller, converted) if distance <= TOLERANCE else None


def _answer(session: onnxruntime.InferenceSession, example: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    try:
        answer: list[npt.NDArray[Any]] = session.run(None, {session.get_inputs()[0].name: example})
    except Exception as error:
        raise ModelError("A model failed on its example.") from error
    return answer


@cache
def _load_nvidia_libraries() -> None:
    """Loads CUDA and cuDNN from their Python packages, where the system has none."""
    onnxruntime.preload_dlls()


@cache
def _announce(chosen: tuple[str, ...]) -> None:
    """Logs, once for each choice, what runs networks."""
    logger.info("networks run on %s", ", ".join(chosen), extra={"onnxruntime": onnxruntime.__version__})
