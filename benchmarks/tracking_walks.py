"""Where the faces of made-up scenes are, and when: paths at 50 steps a second, by seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

STEPS = 50  # a second
SIZE = (1280.0, 720.0)


@dataclass(frozen=True)
class Walk:
    """The path of one face, in steps.

    Attributes:
        centre: ``float64`` (steps, 2), pixels.
        height: ``float64`` (steps,), pixels.
        shown: ``bool`` (steps,): whether the face is before the camera.
        depth: Who is nearer hides who is farther; smaller is nearer.
    """

    centre: Floats
    height: Floats
    shown: Flags
    depth: float


@dataclass(frozen=True)
class Script:
    """What happens in a scene.

    Attributes:
        walks: A path for each person.
        shots: ``int64`` (steps,): number of the shot; it grows at each cut.
        alike: Whether the people look alike.
        misses: How often a face that is to be seen is not found, 0..1.
        poor: How often it is found, but poor, 0..1.
    """

    walks: tuple[Walk, ...]
    shots: npt.NDArray[np.int64]
    alike: bool = False
    misses: float = 0.04
    poor: float = 0.06


def smooth(noise: np.random.Generator, steps: int, seconds: float, width: int = 1) -> Floats:
    """Noise that forgets itself in so many seconds; of mean 0 and variance 1, (steps, width)."""
    keep = float(np.exp(-1.0 / (seconds * STEPS)))
    kicks = noise.normal(size=(steps, width))
    kicks[1:] *= np.sqrt(1 - keep * keep)
    return np.asarray(lfilter([1.0], [1.0, -keep], kicks, axis=0))


def bursts(noise: np.random.Generator, steps: int, share: float, seconds: float) -> Flags:
    """Stretches of about so many seconds that make up about so large a share."""
    flags = np.zeros(steps, bool)
    for start in np.flatnonzero(noise.random(steps) < share / (seconds * STEPS)):
        flags[start : start + 1 + round(noise.exponential(seconds) * STEPS)] = True
    return flags


def _through(points: Sequence[tuple[float, float, float]], steps: int) -> Floats:
    """A path through (second, x, y), slow at its points; (steps, 2)."""
    times, xs, ys = (np.array(column, float) for column in zip(*points, strict=True))
    now = np.clip(np.arange(steps) / STEPS, times[0], times[-1])
    place = np.clip(np.searchsorted(times, now, side="right") - 1, 0, len(times) - 2)
    part = (now - times[place]) / np.maximum(times[place + 1] - times[place], 1e-9)
    part = part * part * (3 - 2 * part)
    return np.stack([axis[place] + part * (axis[place + 1] - axis[place]) for axis in (xs, ys)], axis=1)


def _walk(
    noise: np.random.Generator,
    points: Sequence[tuple[float, float, float]],
    height: float,
    steps: int,
    shown: Flags | None = None,
) -> Walk:
    sway = smooth(noise, steps, 0.8, 2) * height * 0.06
    breath = np.exp(0.04 * smooth(noise, steps, 1.5)[:, 0])
    everywhere = np.ones(steps, bool) if shown is None else shown
    return Walk(_through(points, steps) + sway, height * breath, everywhere, -height)


def _one_shot(steps: int) -> npt.NDArray[np.int64]:
    return np.zeros(steps, np.int64)


def _wander(
    noise: np.random.Generator, steps: int, around: Callable[[int], tuple[float, float]], pause: tuple[float, float]
) -> list[tuple[float, float, float]]:
    """Points of somebody who goes from place to place and stays a little at each."""
    points, moment, number = [(0.0, *around(0))], 0.0, 0
    while moment < steps / STEPS:
        stay, go = noise.uniform(*pause), noise.uniform(2.0, 4.0)
        points.append((moment + stay, *points[-1][1:]))
        moment, number = moment + stay + go, number + 1
        points.append((moment, *around(number)))
    return points


def _crossings(noise: np.random.Generator, steps: int) -> Script:
    """Three people walk past each other, again and again."""
    walks = []
    for person in range(3):
        flip, lane, height = noise.integers(2), 320 + 40 * person, (90.0, 110.0, 130.0)[person]

        def turn(number: int, flip: int = int(flip), lane: float = lane) -> tuple[float, float]:
            side = (number + flip) % 2
            return float(noise.uniform(120, 420) if side else noise.uniform(860, 1160)), lane + noise.normal(0, 15)

        walks.append(_walk(noise, _wander(noise, steps, turn, (0.2, 2.0)), height, steps))
    return Script(tuple(walks), _one_shot(steps))


def _exits(noise: np.random.Generator, steps: int) -> Script:
    """Four people leave the picture and come back, here or there, after up to three seconds."""
    walks = []
    for person in range(4):
        height, lane = 80.0 + 15 * person, 250.0 + 80 * person
        points, moment = [(0.0, 200.0 + 280 * person, lane)], 0.0
        while moment < steps / STEPS:
            stay, edge = noise.uniform(2.0, 8.0), noise.choice([-height, SIZE[0] + height])
            walk, away = noise.uniform(1.5, 3.5), noise.uniform(0.3, 2.8)
            back, inside = noise.choice([-height, SIZE[0] + height]), noise.uniform(150, 1130)
            points += [
                (moment + stay, points[-1][1], lane),
                (moment + stay + walk, edge, lane),
                (moment + stay + walk + 0.02, back, lane),
                (moment + stay + walk + away, back, lane),
            ]
            moment += stay + 2 * walk + away
            points.append((moment, inside, lane))
        walks.append(_walk(noise, points, height, steps))
    return Script(tuple(walks), _one_shot(steps))


def _look_alikes(noise: np.random.Generator, steps: int) -> Script:
    """Two who look alike sit side by side, change places, lean over; now and then one is away for a while."""
    places, points = [(420.0, 330.0), (720.0, 350.0)], [[], []]
    moment, seat = 0.0, [0, 1]
    for person in (0, 1):
        points[person].append((0.0, *places[seat[person]]))
    while moment < steps / STEPS:
        stay, go = noise.uniform(2.0, 6.0), noise.uniform(1.0, 2.5)
        swap = noise.random() < 0.5
        for person in (0, 1):
            points[person].append((moment + stay, *places[seat[person]]))
            seat[person] = 1 - seat[person] if swap else seat[person]
            x, y = places[seat[person]]
            lean = (0.0, 0.0) if swap else noise.normal(0, 50, 2)
            points[person].append((moment + stay + go / 2, *(points[person][-1][1:] if swap else (x + lean[0], y))))
            points[person].append((moment + stay + go, x, y))
        moment += stay + go
    walks = [
        _walk(noise, points[person], 140.0 + 12 * person, steps, ~bursts(noise, steps, 0.12, 2.0)) for person in (0, 1)
    ]
    return Script(tuple(walks), _one_shot(steps), alike=True)


def _cuts(noise: np.random.Generator, steps: int) -> Script:
    """A talk of three: each alone before the camera in turn, at much the same place, or all of them from afar."""
    shots, near = np.zeros(steps, np.int64), np.full(steps, -1)
    begin, number, last = 0, 0, -2
    while begin < steps:
        end = begin + round(noise.uniform(0.8, 4.0) * STEPS)
        who = int(noise.choice([one for one in (-1, 0, 1, 2) if one != last]))
        shots[begin:end], near[begin:end] = number, who
        begin, number, last = end, number + 1, who
    walks = []
    for person in range(3):
        close = _walk(noise, _wander(noise, steps, lambda _: _about(noise, 640, 330, 40), (1, 4)), 260.0, steps)
        seat = 320 + 320 * person
        far = _walk(noise, _wander(noise, steps, lambda _, x=seat: _about(noise, x, 380, 20), (1, 4)), 80.0, steps)
        alone = near == person
        centre = np.where(alone[:, None], close.centre, far.centre)
        walks.append(Walk(centre, np.where(alone, close.height, far.height), alone | (near == -1), float(person)))
    return Script(tuple(walks), shots)


def _crowd(noise: np.random.Generator, steps: int) -> Script:
    """Seven people mill about; faces are small and often missed."""
    walks = [
        _walk(
            noise,
            _wander(noise, steps, lambda _: _about(noise, 640, 360, 260, 110), (0.5, 4.0)),
            float(noise.uniform(45, 80)),
            steps,
        )
        for _ in range(7)
    ]
    return Script(tuple(walks), _one_shot(steps), misses=0.1, poor=0.12)


def _talk(noise: np.random.Generator, steps: int) -> Script:
    """Two people talk, turn their heads away, are often missed and often poor."""
    walks = [
        _walk(noise, _wander(noise, steps, lambda _, x=x: _about(noise, x, 340, 35), (0.5, 4)), 170.0, steps)
        for x in (420.0, 860.0)
    ]
    return Script(tuple(walks), _one_shot(steps), misses=0.15, poor=0.25)


def _about(noise: np.random.Generator, x: float, y: float, far: float, low: float | None = None) -> tuple[float, float]:
    return float(x + noise.normal(0, far)), float(y + noise.normal(0, far / 2 if low is None else low))


SCENES: dict[str, Callable[[np.random.Generator, int], Script]] = {
    "crossings": _crossings,
    "exits and returns": _exits,
    "two look-alikes": _look_alikes,
    "cuts": _cuts,
    "crowd": _crowd,
    "missed and poor faces": _talk,
}
