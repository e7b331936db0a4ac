"""How networks are run; the same for all of an engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RuntimeOptions:
    """How networks are run; the same for all of an engine.

    Attributes:
        providers: ``("auto",)`` for the best that is installed, or names of
            :data:`~app.vision.runtime.PROVIDER_NAMES`, best first. What is named must work.
        threads: Cores to use; all that this process may use when ``None``.
        idle_seconds: Networks that were not run for so long are unloaded and their memory is given back; the next run
            loads them again. Never when ``None``.
        half_precision: Whether networks on an NVIDIA GPU run in half precision where that was found to change next to
            nothing. ``False`` also switches off its 19-bit kind of single precision.
    """

    providers: tuple[str, ...] = ("auto",)
    threads: int | None = None
    idle_seconds: float | None = None
    half_precision: bool = True
