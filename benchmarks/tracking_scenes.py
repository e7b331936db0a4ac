"""Generated scenes with known motion, as a detector and an embedder would tell them: pure, by seed.

Somebody's face is a path of boxes and a path of embeddings, both made at 50 steps a second and then looked at as often as
is asked for, so that one scene can be compared at any rate. All distances are shares of a pack's ``same_person_distance``.
They follow what was measured on twelve clips of five people, 25 frames a second, and on stills of 14 people: one person's
faces are 0.02 (median) apart from frame to frame, 0.17 after a second (nine of ten up to 0.47, 99 of 100 up to 0.72);
strangers 1.85 (999 of 1000 from 0.93), and the most alike of five young men in one room 0.65 to 0.9. Boxes tremble by
0.5 to 1 % of their height. Poor faces are farther from their person, and nearer to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.domain import BoundingBox, FloatArray, Quality, QualityReason
from app.vision.track import Observation
from benchmarks.tracking_walks import SCENES, SIZE, STEPS, Flags, Floats, Script, Walk, bursts, smooth

SAME = 0.088  # the bundled pack's
DIMENSION = 128
_STRANGERS = 2.0  # shares of SAME between the means of two people, to which their faces' own spread comes
_ALIKE = 0.62


@dataclass(frozen=True)
class Sample:
    """One sampled frame.

    Attributes:
        timestamp: Seconds.
        people: Who is in view, as numbers.
        boxes: ``float64`` (n, 4): x1, y1, x2, y2 of their faces.
        faces: What was found, in no order that tells who is who; ``key`` counts through the whole scene.
        owners: For each of ``faces`` the person, -1 for what is no face.
    """

    timestamp: float
    people: tuple[int, ...]
    boxes: Floats
    faces: tuple[Observation, ...]
    owners: tuple[int, ...]


def play(name: str, rate: float, *, seed: int = 0, seconds: float = 60.0, uneven: float = 0.0) -> list[Sample]:
    """Plays a scene and looks at it.

    Args:
        name: One of :data:`SCENES`.
        rate: Samples a second, up to 50.
        seed: Another seed is another scene of the same kind.
        seconds: Its length.
        uneven: How far a sample may be off its time, as a share of the distance to the next, 0..1.

    Returns:
        The samples in order of time, also those without a face.
    """
    noise = np.random.default_rng([seed, *name.encode()])
    script = SCENES[name](noise, round(seconds * STEPS))
    return _look(script, _appear(script, noise), rate, uneven, np.random.default_rng([seed, 1, *name.encode()]))


@dataclass(frozen=True)
class _Looks:
    """How one person looks, step by step."""

    faces: FloatArray  # (steps, DIMENSION)
    poor: Flags
    missed: Flags
    score: Floats


def _appear(script: Script, noise: np.random.Generator) -> list[_Looks]:
    steps, count = len(script.shots), len(script.walks)
    people = _unit(noise.normal(size=(count, DIMENSION)))
    apart = _ALIKE if script.alike else _STRANGERS
    common = np.eye(DIMENSION)[0]
    # everybody's mean: common part + own part, so that two of them are about ``apart`` from each other
    own = np.sqrt(apart * SAME) * np.exp(0.12 * noise.normal(size=(count, 1)))
    centres = _unit(common + own * people)
    vague = _unit(common + np.sqrt(0.5 * SAME) * _unit(noise.normal(size=DIMENSION)))
    return [_looks(script, centre, vague, noise, steps) for centre in centres]


def _looks(script: Script, centre: Floats, vague: Floats, noise: np.random.Generator, steps: int) -> _Looks:
    poor = bursts(noise, steps, script.poor, 0.5)
    missed = bursts(noise, steps, script.misses, 0.15) | (poor & bursts(noise, steps, 0.3, 0.2))
    # light and pose: they change within a second, and now and then by much
    spread = 0.19 * SAME * np.exp(0.75 * smooth(noise, steps, 1.5)[:, 0])
    pose = smooth(noise, steps, 0.8, DIMENSION) / np.sqrt(DIMENSION)
    tremble = noise.normal(size=(steps, DIMENSION)) / np.sqrt(DIMENSION)
    faces = centre + np.sqrt(spread)[:, None] * pose + np.sqrt(0.06 * spread)[:, None] * tremble
    blur = noise.normal(size=(steps, DIMENSION)) / np.sqrt(DIMENSION)
    faces = np.where(poor[:, None], 0.7 * faces + 0.3 * vague + np.sqrt(0.25 * SAME) * blur, faces)
    score = np.clip(0.82 + 0.06 * smooth(noise, steps, 1.0)[:, 0] - 0.5 * poor, 0.05, 1.0)
    return _Looks(_unit(faces).astype(np.float32), poor, missed, score)


def _look(
    script: Script, looks: Sequence[_Looks], rate: float, uneven: float, noise: np.random.Generator
) -> list[Sample]:
    steps = len(script.shots)
    strays = _strays(noise, steps)
    samples, key = [], 0
    for number in range(int(steps * rate / STEPS)):
        shift = uneven * noise.uniform(-0.5, 0.5) if uneven else 0.0
        step = min(max(round((number + shift) * STEPS / rate), 0), steps - 1)
        sample = _sample(script, looks, strays, number, step, key, noise)
        key += len(sample.faces)
        samples.append(sample)
    return samples


def _sample(
    script: Script,
    looks: Sequence[_Looks],
    strays: Sequence[tuple[int, int, Floats, FloatArray, bool]],
    number: int,
    step: int,
    key: int,
    noise: np.random.Generator,
) -> Sample:
    boxes = {person: _box(walk, step) for person, walk in enumerate(script.walks) if _in_view(walk, step)}
    hidden = {person: _hidden(person, boxes, script.walks) for person in boxes}
    seen = [person for person in boxes if hidden[person] < 0.6]
    found: list[tuple[int, Floats, FloatArray, Quality]] = []
    for person in seen:
        look = looks[person]
        if look.missed[step] or (hidden[person] > 0.3 and noise.random() < 0.7):
            continue
        reasons = _reasons(poor=bool(look.poor[step]), hidden=hidden[person])
        shake = 0.03 if reasons else 0.008
        box = boxes[person] + noise.normal(0, shake, 4) * (boxes[person][3] - boxes[person][1])
        found.append((person, box, look.faces[step], Quality(float(look.score[step]), reasons)))
    for begin, end, box, vector, like in strays:
        if begin <= step < end and noise.random() < 0.8:
            reasons = () if like else (QualityReason.UNLIKE_FACE,)
            found.append((-1, box + noise.normal(0, 1.0, 4), vector, Quality(0.3, reasons)))
    order = noise.permutation(len(found))
    faces = tuple(
        Observation(
            step / STEPS,
            number,
            BoundingBox(*(float(edge) for edge in found[i][1])),
            found[i][2],
            found[i][3],
            key + place,
            shot=int(script.shots[step]),
        )
        for place, i in enumerate(order)
    )
    owners = tuple(found[i][0] for i in order)
    return Sample(step / STEPS, tuple(seen), np.array([boxes[p] for p in seen]).reshape(-1, 4), faces, owners)


def _reasons(*, poor: bool, hidden: float) -> tuple[QualityReason, ...]:
    named = {QualityReason.BLURRED: poor, QualityReason.CUT_OFF: hidden > 0.3}
    return tuple(reason for reason, holds in named.items() if holds)


def _strays(noise: np.random.Generator, steps: int) -> list[tuple[int, int, Floats, FloatArray, bool]]:
    """What a detector takes for a face: at its place for a while, and mostly known for none."""
    found = []
    for begin in np.flatnonzero(noise.random(steps) < 0.06 / STEPS):
        x, y, size = noise.uniform(50, 1200), noise.uniform(50, 650), noise.uniform(30, 70)
        vector = _unit(np.eye(DIMENSION)[0] + np.sqrt(1.2 * SAME) * _unit(noise.normal(size=DIMENSION)))
        length = 1 + round(noise.exponential(0.6) * STEPS)
        box = np.array([x, y, x + 0.8 * size, y + size])
        found.append((int(begin), int(begin) + length, box, vector.astype(np.float32), bool(noise.random() < 0.2)))
    return found


def _box(walk: Walk, step: int) -> Floats:
    (x, y), height = walk.centre[step], walk.height[step]
    return np.array([x - 0.4 * height, y - 0.5 * height, x + 0.4 * height, y + 0.5 * height])


def _in_view(walk: Walk, step: int) -> bool:
    x, y = walk.centre[step]
    return bool(walk.shown[step]) and 0 <= x <= SIZE[0] and 0 <= y <= SIZE[1]


def _hidden(person: int, boxes: dict[int, Floats], walks: Sequence[Walk]) -> float:
    """The largest share of a face that somebody nearer covers."""
    own, most = boxes[person], 0.0
    for other, box in boxes.items():
        if walks[other].depth < walks[person].depth:
            width = min(own[2], box[2]) - max(own[0], box[0])
            height = min(own[3], box[3]) - max(own[1], box[1])
            if width > 0 and height > 0:
                most = max(most, width * height / ((own[2] - own[0]) * (own[3] - own[1])))
    return most


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))
