"""Memory of networks on the CPU: one arena for all of a process, and how it is given back."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from functools import cache

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

_lock = threading.Lock()
_AS_REQUESTED = 1  # ArenaExtendStrategy::kSameAsRequested


def use_shared_arena(options: onnxruntime.SessionOptions) -> None:
    """Lets a session take its memory from the arena that all sessions of this process share.

    An arena for each session keeps the largest shapes of each: 70 MiB more for the bundled pack, whose four networks
    do not work at the same time. The shared one grows by what is needed, not by doubling.
    """
    with _lock:
        _register_arena()
    options.add_session_config_entry("session.use_env_allocators", "1")


def give_back_memory() -> None:
    """Hands memory that networks do not hold any more back to the system.

    Costs a few milliseconds, and the next run of a network must ask for memory anew.
    """
    with _lock:
        _register_arena()
        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        # The arena can be told to shrink only at the end of a run, by any session that takes memory from it.
        _smallest_session().run(None, {"x": np.zeros(1, np.float32)}, options)
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _register_arena() -> None:
    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    config = onnxruntime.OrtArenaCfg({"max_mem": 0, "arena_extend_strategy": _AS_REQUESTED})
    onnxruntime.create_and_register_allocator(place, config)


@cache
def _smallest_session() -> onnxruntime.InferenceSession:
    """A network that does nothing."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "nothing", value[:1], value[1:])
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.use_env_allocators", "1")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """The function of this name, which only glibc has."""
    if not sys.platform.startswith("linux"):
        return None
    function: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return function
