"""MTCNN's nets, loaded, and the time that is spent in them."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from app.domain import FloatArray
from app.vision.detectors.mtcnn_weights import load_net
from app.vision.runtime import OnnxSession, RuntimeOptions


class MtcnnNets:
    """The nets; each runs on its caller's thread, for nets as small as these do not share out well inside.

    Safe to use from several threads at once.

    Attributes:
        seconds: Wall time so far during which at least one thread was inside a net.
    """

    def __init__(self, cache_dir: Path, runtime: RuntimeOptions | None, *, coarse: bool) -> None:
        """Loads the nets.

        Args:
            cache_dir: Folder where the rebuilt nets are kept.
            runtime: How nets are run.
            coarse: Whether windows of the first net that are 4 pixels apart are wanted too.

        Raises:
            ModelError: The weights are missing or damaged.
        """

        def load(model: bytes) -> OnnxSession:
            return OnnxSession(model, runtime=runtime, threads=1, blocked_layout=True)

        self._pnets = {step: load(load_net(cache_dir, "pnet", step=step)) for step in ((2, 4) if coarse else (2,))}
        self._rnet, self._onet = load(load_net(cache_dir, "rnet")), load(load_net(cache_dir, "onet"))
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._active = 0
        self._busy_since = 0.0

    def look(self, pixels: FloatArray, step: int) -> FloatArray:
        """First net on one picture (height, width, 3): maps (5, rows, columns) of windows ``step`` pixels apart."""
        answers: FloatArray = self._run(self._pnets[step], pixels[None])[0]
        return answers

    def refine(self, crops: FloatArray) -> FloatArray:
        """Second net on crops (n, 24, 24, 3): answers (n, 5)."""
        return self._run(self._rnet, crops)

    def finish(self, crops: FloatArray) -> FloatArray:
        """Third net on crops (n, 48, 48, 3): answers (n, 15)."""
        return self._run(self._onet, crops)

    def _run(self, net: OnnxSession, pixels: FloatArray) -> FloatArray:
        # Threads may be in different nets at once, which the sessions' own clocks would count twice.
        with self._lock:
            if not self._active:
                self._busy_since = time.perf_counter()
            self._active += 1
        try:
            return net.run({"pixels": pixels})[0]
        finally:
            with self._lock:
                self._active -= 1
                if not self._active:
                    self.seconds += time.perf_counter() - self._busy_since
