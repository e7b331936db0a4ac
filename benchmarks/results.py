"""What the speed part measures, as values: medians with their spread, ratios, targets and whether they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Quartiles:
    """Several measurements of one thing: the middle half of them, and how many there were."""

    first: float
    median: float
    third: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Quartiles:
        """Raises ValueError where there is no value."""
        if not values:
            raise ValueError("there is no value")
        first, middle, third = np.percentile(values, (25, 50, 75))
        return cls(float(first), float(middle), float(third), len(values))


@dataclass(frozen=True)
class Target:
    """A promise about a figure.

    Attributes:
        limit: The figure that was promised.
        at_least: Whether the figure must be at least that, or at most.
    """

    limit: float
    at_least: bool

    def holds(self, value: float) -> bool:
        """Whether a figure keeps it."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Verdict:
    """Whether a promise holds; ``None`` where it was not measured."""

    holds: bool | None
    text: str


@dataclass(frozen=True)
class Comparison:
    """Ours against another tool, on the same frames, in turns.

    Attributes:
        what: The work, for people.
        peer: The other tool.
        count: Frames, or chips, that a repetition goes through.
        target: How many times as fast ours should be; ``None`` where nothing was promised.
        ours: Seconds for each repetition.
        theirs: The same for the other tool, in the same order.
        our_faces: Faces that ours found, or embedded, in one repetition.
        their_faces: The same for the other tool.
        remark: What else is worth knowing.
        missing: Why it was not measured; empty where it was.
    """

    what: str
    peer: str
    count: int
    target: Target | None
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    our_faces: int = 0
    their_faces: int = 0
    remark: str = ""
    missing: str = ""

    @property
    def ratio(self) -> Quartiles:
        """Their time over ours, formed within each repetition, so that a slow moment hits both."""
        return Quartiles.of([theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)])

    def milliseconds(self, seconds: Sequence[float]) -> Quartiles:
        """Per frame or chip."""
        return Quartiles.of([1000 * value / self.count for value in seconds])


@dataclass(frozen=True)
class BatchCost:
    """A pack at one batch size.

    Attributes:
        batch: Frames that the engine gets at once.
        frames: Frames of a repetition.
        engine: Seconds of the whole engine for each repetition.
        bare: Seconds of the bare ``session.run`` on the tensors that the engine had given them, in the same order.
    """

    batch: int
    frames: int
    engine: list[float]
    bare: list[float]

    @property
    def ratio(self) -> Quartiles:
        """The engine's time over that of its networks."""
        return Quartiles.of([engine / bare for engine, bare in zip(self.engine, self.bare, strict=True)])

    @property
    def milliseconds(self) -> Quartiles:
        """Of the engine, per frame."""
        return Quartiles.of([1000 * value / self.frames for value in self.engine])


@dataclass(frozen=True)
class PackCost:
    """A pack at several batch sizes, and where its time goes at the best one.

    Attributes:
        pack: Its name.
        remark: What is special about it here.
        faces: Faces per frame.
        batches: One for each batch size.
        steps: Milliseconds per frame by step, at the best batch size.
        missing: Why it was not measured.
    """

    pack: str
    remark: str = ""
    faces: float = 0.0
    batches: list[BatchCost] = field(default_factory=list)
    steps: Mapping[str, float] = field(default_factory=dict)
    missing: str = ""

    @property
    def best(self) -> BatchCost:
        """The batch size at which the engine is fastest."""
        return min(self.batches, key=lambda batch: batch.milliseconds.median)


@dataclass(frozen=True)
class SizeCell:
    """A detector on square pictures of one size, in batches of one size.

    Attributes:
        detector: Its name.
        side: Of the pictures, in pixels.
        batch: Pictures at once.
        seconds: For the whole batch, for each repetition; empty where it was skipped.
        missing: Why.
    """

    detector: str
    side: int
    batch: int
    seconds: list[float] = field(default_factory=list)
    missing: str = ""

    @property
    def milliseconds(self) -> Quartiles:
        """Per picture."""
        return Quartiles.of([1000 * value / self.batch for value in self.seconds])


@dataclass(frozen=True)
class MemoryRun:
    """Resident memory of a process that looks at many pictures.

    Attributes:
        pack: Whose engine.
        marks: MiB by the number of pictures that had been looked at, in order.
        seconds: Wall time of all.
        missing: Why it was not measured.
    """

    pack: str
    marks: Mapping[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    missing: str = ""

    @property
    def growth(self) -> float:
        """From the first mark to the last, as a share."""
        values = list(self.marks.values())
        return values[-1] / values[0] - 1


# A slow thing is measured less often, but at least so many times.
_FEWEST = 3
_SECONDS = 60.0


def alternate(
    repetitions: int, ours: Callable[[], float], theirs: Callable[[], float], *, most: float = _SECONDS
) -> tuple[list[float], list[float]]:
    """Measures two things in turns, after one time each that does not count; who begins changes every time.

    Args:
        repetitions: How often each counts; less often, but at least three times, where it takes long.
        ours: Does the work and returns its seconds.
        theirs: The same for the other side.
        most: Seconds of both sides together after which no further repetition begins.
    """
    times: tuple[list[float], list[float]] = ([], [])
    sides = ((ours, times[0]), (theirs, times[1]))
    for number in range(-1, repetitions):
        if number >= _FEWEST and sum(map(sum, times)) >= most:
            break
        for work, seconds in sides if number % 2 else reversed(sides):
            spent = work()
            if number >= 0:
                seconds.append(spent)
    return times
