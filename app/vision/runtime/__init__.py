"""The one place that talks to ONNX Runtime: providers, threads, memory, half precision, error translation.

Who runs networks needs :class:`OnnxSession` and :class:`RuntimeOptions`, and :func:`spread` or :func:`worker_pool`
for work of its own that is to be spread over the cores.
"""

from __future__ import annotations

from app.vision.runtime.cores import available_cores
from app.vision.runtime.loading import Model
from app.vision.runtime.memory import give_back_memory
from app.vision.runtime.options import RuntimeOptions
from app.vision.runtime.pool import on_worker, spread, worker_pool
from app.vision.runtime.providers import PROVIDER_NAMES, available_providers, check_providers
from app.vision.runtime.session import OnnxSession

__all__ = [
    "PROVIDER_NAMES",
    "Model",
    "OnnxSession",
    "RuntimeOptions",
    "available_cores",
    "available_providers",
    "check_providers",
    "give_back_memory",
    "on_worker",
    "spread",
    "worker_pool",
]
