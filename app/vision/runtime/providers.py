"""Which of ONNX Runtime's execution providers run a network."""

from __future__ import annotations

from collections.abc import Sequence

import onnxruntime

from app.errors import ConfigError

AUTO = "auto"
CPU = "cpu"

_OURS_TO_RUNTIMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
_RUNTIMES_TO_OURS = {theirs: ours for ours, theirs in _OURS_TO_RUNTIMES.items()}

PROVIDER_NAMES = tuple(_OURS_TO_RUNTIMES)

# TensorRT is not among them: it builds an engine for each shape it meets, which takes minutes, and is for those who
# ask for it.
_BEST_FIRST = ("cuda", "openvino", CPU)
_NVIDIA = frozenset({"cuda", "tensorrt"})

_INSTALL = {
    "cpu": "Install onnxruntime.",
    "cuda": "Run `make setup-gpu`, which installs onnxruntime-gpu in place of onnxruntime.",
    "tensorrt": "Run `make setup-gpu` and install NVIDIA's TensorRT 10.",
    "openvino": "Uninstall onnxruntime and install onnxruntime-openvino.",
}


def available_providers() -> tuple[str, ...]:
    """Providers that the installed ONNX Runtime was built with, by our names; their drivers may still be missing."""
    found = onnxruntime.get_available_providers()
    return tuple(name for name in PROVIDER_NAMES if _OURS_TO_RUNTIMES[name] in found)


def check_providers(wanted: Sequence[str]) -> tuple[str, ...]:
    """Brings a setting into order.

    Args:
        wanted: ``["auto"]`` or names of :data:`PROVIDER_NAMES`, in any case.

    Returns:
        What to try, best first; "cpu" comes last, as it runs what the others cannot.

    Raises:
        ConfigError: A name is unknown, or not among :func:`available_providers`; the message says what to install.
    """
    names = tuple(name.strip().lower() for name in wanted if name.strip()) or (AUTO,)
    installed = available_providers()
    if names == (AUTO,):
        best = next((name for name in _BEST_FIRST if name in installed), CPU)
        return (CPU,) if best == CPU else (best, CPU)
    for name in names:
        if name not in _OURS_TO_RUNTIMES:
            known = ", ".join((AUTO, *PROVIDER_NAMES))
            raise ConfigError(f"There is no execution provider {name!r}. Choose auto alone, or of: {known}.")
        if name not in installed:
            raise ConfigError(
                f"The execution provider {name} was asked for, but the ONNX Runtime that is installed has none. "
                f"{_INSTALL[name]}"
            )
    return tuple(dict.fromkeys((*(name for name in names if name != CPU), CPU)))


def is_automatic(wanted: Sequence[str]) -> bool:
    """Whether a setting leaves the choice to us."""
    return {name.strip().lower() for name in wanted} <= {AUTO, ""}


def on_nvidia(names: Sequence[str]) -> bool:
    """Whether networks run on an NVIDIA GPU."""
    return not _NVIDIA.isdisjoint(names)


def with_settings(names: Sequence[str], *, half_precision: bool) -> list[tuple[str, dict[str, str]]]:
    """Providers as ONNX Runtime wants them.

    Args:
        names: Our names, best first.
        half_precision: Whether results may differ in the fourth digit.
    """
    return [(_OURS_TO_RUNTIMES[name], _settings(name, half_precision)) for name in names]


def running(session: onnxruntime.InferenceSession) -> tuple[str, ...]:
    """Providers that a session really has, by our names; one whose libraries are missing is left out silently."""
    return tuple(_RUNTIMES_TO_OURS.get(name, name) for name in session.get_providers())


def _settings(name: str, half_precision: bool) -> dict[str, str]:
    if name != "cuda":
        return {}
    return {
        # Doubling, the default, never gives back what many shapes made it take.
        "arena_extend_strategy": "kSameAsRequested",
        # An exhaustive search for each new shape costs seconds; pictures come in many.
        "cudnn_conv_algo_search": "HEURISTIC",
        "use_tf32": "1" if half_precision else "0",
    }
