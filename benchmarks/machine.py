"""Describes the machine, so that figures can be compared."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import cv2

from app.vision.runtime import available_cores


def describe() -> dict[str, str]:
    """What matters for the figures, by name."""
    return {
        "processor": f"{_processor()}, {available_cores()} cores used of {os.cpu_count()}",
        "memory": _memory(),
        "system": f"{_system()}, {platform.machine()}",
        "Python": platform.python_version(),
        "ONNX Runtime": version("onnxruntime"),
        "PyAV": version("av"),
        "OpenCV": str(cv2.__version__),
    }


def load() -> float:
    """Runnable threads over the last minute, 0 where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def busy() -> str | None:
    """A remark where other programs keep the machine so busy that wall times mean little."""
    if load() <= 0.75 * available_cores():
        return None
    return (
        f"the machine was busy with other work (load {load():.1f} on {available_cores()} cores), so that wall times "
        "say little; processor times do not suffer from it."
    )


def _processor() -> str:
    return _field(Path("/proc/cpuinfo"), "model name", ":") or platform.processor() or "unknown processor"


def _memory() -> str:
    kib = _field(Path("/proc/meminfo"), "MemTotal", ":")
    return f"{int(kib.split()[0]) / 1024**2:.0f} GiB" if kib else "unknown"


def _system() -> str:
    name = _field(Path("/etc/os-release"), "PRETTY_NAME", "=")
    return name.strip('"') if name else platform.platform()


def _field(path: Path, name: str, separator: str) -> str:
    if not path.is_file():
        return ""
    lines = (line.partition(separator) for line in path.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")
