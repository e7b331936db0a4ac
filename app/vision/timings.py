"""Where the engine's time goes, although its steps run side by side."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

Step = Literal["detect", "align", "embed", "quality"]


class Laps:
    """Seconds of one thread, by step."""

    def __init__(self) -> None:
        self.seconds: dict[Step, float] = {}

    @contextmanager
    def lap(self, step: Step) -> Iterator[None]:
        """Adds the block to a step."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - started


@dataclass
class EngineTimings:
    """Wall time in seconds since the engine was made; where steps ran at the same time, each has its share of it.

    Attributes:
        detect: Finding faces, shrinking the pictures included.
        align: Cutting chips.
        embed: Embedding the chips.
        quality: Assessing faces.
        model: The part of ``detect`` and ``embed`` that was spent inside the networks.
    """

    detect: float = 0.0
    align: float = 0.0
    embed: float = 0.0
    quality: float = 0.0
    model: float = 0.0

    @property
    def total(self) -> float:
        """All steps together."""
        return self.detect + self.align + self.embed + self.quality

    @property
    def glue(self) -> float:
        """What was not spent inside the networks."""
        return self.total - self.model

    def add(self, wall: float, laps: Sequence[Laps], model: float) -> None:
        """Adds some work.

        Args:
            wall: Seconds that it took.
            laps: What its threads did meanwhile.
            model: Seconds during which a network was at work, perhaps beside other steps.
        """
        spent: dict[Step, float] = {}
        for step, seconds in (pair for each in laps for pair in each.seconds.items()):
            spent[step] = spent.get(step, 0.0) + seconds
        scale = wall / max(sum(spent.values()), wall, 1e-9)
        for step, seconds in spent.items():
            setattr(self, step, getattr(self, step) + seconds * scale)
        self.model += min(model, scale * (spent.get("detect", 0.0) + spent.get("embed", 0.0)))
