"""The arithmetic of measuring: medians, spreads, own cost, growth. Numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

MOST_OWN_COST = 0.15  # of decoding and the models together
MOST_GROWTH = 0.03  # of peak memory, from a short video to one thirty times as long


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises ValueError where there is no value."""
        return cls(min(values), float(median(values)), max(values))


@dataclass(frozen=True)
class Cost:
    """Seconds of one run; wall time or processor time throughout.

    Attributes:
        decode: Reading and decoding the frames, with nothing else going on.
        detect: The detector alone, on the pictures that the pipeline gave it.
        embed: The embedder alone, on the chips that the pipeline gave it.
        networks: The bare networks of both, on the inputs that they got.
        total: The whole pipeline, from the file to the people.
    """

    decode: float
    detect: float
    embed: float
    networks: float
    total: float

    @property
    def rest(self) -> float:
        """What the pipeline adds; negative where doing things side by side saves more than that."""
        return self.total - self.decode - self.detect - self.embed

    @property
    def own_cost(self) -> float:
        """What the pipeline adds to decoding and the models, as a share of these."""
        return self.rest / (self.decode + self.detect + self.embed)

    @property
    def beside_networks(self) -> float:
        """The same where only the bare networks count as needed, not what detector and embedder do around them."""
        needed = self.decode + self.networks
        return self.total / needed - 1


def spread(runs: Sequence[Cost], read: Callable[[Cost], float]) -> Spread:
    """One figure over all runs; ratios are formed within a run first, so that a slow moment hits both sides."""
    return Spread.of([read(run) for run in runs])


def growth(short: Sequence[float], long: Sequence[float]) -> float:
    """By what share the median of ``long`` is above that of ``short``."""
    return Spread.of(long).median / Spread.of(short).median - 1
