"""Ways of sampling against each other: who is found, for how much of their time on screen, for how much work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from app.domain import FloatArray, Image, Sampling
from app.media.frames import FrameSampler
from app.media.sampling import chunk_end
from app.services.looking import look_at
from app.vision import FaceEngine
from app.vision.track import Observation, Tracker, TrackResult, TrackSettings
from benchmarks.clock import timed
from benchmarks.films import people, repeat
from tests.videos import make_video

RATE = 10
SIZE = (640, 360)
# Seconds of each scene, who is in it, and what moves. One look at this list tells what a sampler has to cope with.
SCENES: tuple[tuple[float, tuple[str, ...], str], ...] = (
    (12.0, (), "nothing"),
    (8.0, ("astronaut",), "nothing"),  # sits still before a fixed camera
    (10.0, (), "street"),
    (1.6, ("hopper",), "street"),  # walks by
    (10.4, (), "street"),
    (14.0, ("hopper",), "face"),
    (0.7, ("astronaut",), "face"),  # cut in for less than a second
    (9.3, ("hopper",), "face"),
    (12.0, (), "nothing"),
    (6.0, ("astronaut", "hopper"), "face"),
    (2.5, ("astronaut",), "street"),
    (13.5, (), "street"),
)


@dataclass(frozen=True)
class Appearance:
    """Somebody on screen, in seconds of the film."""

    person: str
    start: float
    end: float


@dataclass(frozen=True)
class Sampled:
    """One way of sampling, on one film or set of films.

    Attributes:
        film: What it was measured on.
        sampling: The way.
        interval: Seconds.
        looked: Frames that the engine got.
        faces: Faces that it found.
        found: Appearances that were found, or clips whose person was.
        appearances: How many there are.
        covered: Share of the seconds on screen that tracks of the right person cover; ``None`` where not known.
        compute: Processor seconds of decoding, comparing, looking and linking, for each run.
    """

    film: str
    sampling: Sampling
    interval: float
    looked: int
    faces: int
    found: int
    appearances: int
    covered: float | None
    compute: list[float] = field(default_factory=list)


def make_known_film(path: Path, repeats: int) -> list[Appearance]:
    """Makes a film with :data:`SCENES` and returns who is on screen when.

    Args:
        path: Where to.
        repeats: How often the scenes follow each other.
    """
    part = path.with_name(f"part-{path.name}")
    painter = _Painter()
    length = round(sum(seconds for seconds, _, _ in SCENES), 3)
    make_video(part, frames=round(length * RATE), rate=RATE, gop=4 * RATE, size=SIZE, paint=painter.paint)
    repeat(part, path, repeats, round(length))
    part.unlink()
    found = []
    for number in range(repeats):
        begin = number * round(length)
        for seconds, who, _ in SCENES:
            found += [Appearance(person, begin, begin + seconds) for person in who]
            begin += seconds
    return found


class _Painter:
    def __init__(self) -> None:
        self._faces = {
            name: cv2.resize(image, (150, 150), interpolation=cv2.INTER_AREA) for name, image in people().items()
        }
        noise = np.random.default_rng(7)
        width, height = SIZE
        self._rooms = [
            np.asarray(
                cv2.resize(noise.integers(*levels, (5, 8, 3)).astype(np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
            )
            for levels in ((60, 110), (120, 190), (30, 80))
        ]
        self._cars = noise.integers(0, 255, (4, 3))
        self._grain = noise.normal(0, 1.5, (8, height, width, 1))

    def paint(self, number: int) -> Image:
        moment, begin = number / RATE, 0.0
        for place, (seconds, who, moves) in enumerate(SCENES):
            if moment < begin + seconds or place == len(SCENES) - 1:
                return self._scene(place, moment - begin, who, moves, number)
            begin += seconds
        raise AssertionError

    def _scene(self, place: int, moment: float, who: Sequence[str], moves: str, number: int) -> Image:
        image = self._rooms[place % len(self._rooms)].copy()
        if moves == "street":
            for car, colour in enumerate(self._cars):
                left = int((moment * (90 + 30 * car) + 200 * car) % (SIZE[0] + 120)) - 120
                cv2.rectangle(image, (left, 290), (left + 100, 340), colour.tolist(), -1)
        for seat, name in enumerate(who):
            swing = 25 * np.sin(2.2 * moment + seat) if moves == "face" else 60 * moment if moves == "street" else 0
            left = int(np.clip(110 + 250 * seat + swing, 0, SIZE[0] - 150))
            image[90:240, left : left + 150] = self._faces[name]
        return np.clip(image + self._grain[number % len(self._grain)], 0, 255).astype(np.uint8)


def measure(
    engine: FaceEngine,
    film: Path,
    truth: Sequence[Appearance],
    clips: Sequence[Path],
    interval: float,
    runs: int,
    say: Callable[[str], None],
) -> list[Sampled]:
    """Measures every way of sampling, taking turns.

    Args:
        engine: A warm engine.
        film: A film with known appearances.
        truth: They.
        clips: Clips with one person each, looked at as one set; may be empty.
        interval: Seconds.
        runs: How often.
        say: Told how far it is.
    """
    known = {name: _embedding(engine, image) for name, image in people().items()}
    results: list[Sampled] = []
    for name, paths in (("long film", [film]), ("clips of signers", list(clips))):
        measured: dict[Sampling, Sampled] = {}
        for _ in range(runs if paths else 0):
            for sampling in Sampling:
                with timed() as elapsed:
                    seen = [_watch(engine, path, interval, sampling) for path in paths]
                if sampling not in measured:
                    measured[sampling] = _judge(
                        engine, name, sampling, interval, seen, truth if paths == [film] else None, known
                    )
                measured[sampling].compute.append(elapsed.cpu)
                say(f"{name}, {sampling.value}: {elapsed.cpu:.1f} s of processor time")
        results += measured.values()
    return results


@dataclass(frozen=True)
class _Seen:
    looked: int
    faces: int
    tracks: list[TrackResult]


def _watch(engine: FaceEngine, path: Path, interval: float, sampling: Sampling) -> _Seen:
    tracker = Tracker(TrackSettings.for_distance(engine.pack.same_person_distance))
    tracks: list[TrackResult] = []
    looked = faces = 0
    with FrameSampler(path, interval, sampling=sampling) as sampler:
        for _, group in groupby(sampler, key=lambda frame: chunk_end(frame.sample, sampling)):
            frames, found = look_at(engine, list(group))
            looked += len(frames)
            for frame, there in zip(frames, found, strict=True):
                tracks += tracker.add(
                    [
                        Observation(
                            frame.timestamp,
                            frame.sample,
                            face.detection.box,
                            face.embedding,
                            face.quality,
                            faces + n,
                            frame.until,
                        )
                        for n, face in enumerate(there)
                    ]
                )
                faces += len(there)
    return _Seen(looked, faces, tracks + tracker.finish())


def _judge(
    engine: FaceEngine,
    name: str,
    sampling: Sampling,
    interval: float,
    seen: Sequence[_Seen],
    truth: Sequence[Appearance] | None,
    known: dict[str, FloatArray],
) -> Sampled:
    looked, faces = sum(one.looked for one in seen), sum(one.faces for one in seen)
    if truth is None:
        found = sum(any(track.usable for track in one.tracks) for one in seen)
        return Sampled(name, sampling, interval, looked, faces, found, len(seen), None)
    limit = engine.pack.same_person_distance * 1.5
    spans: dict[str, list[tuple[float, float]]] = {person: [] for person in known}
    for track in seen[0].tracks:
        distances = {person: 1.0 - float(track.embedding @ vector) for person, vector in known.items()}
        person = min(distances, key=lambda one: distances[one])
        if distances[person] < limit:
            spans[person].append((track.start, track.end))
    found = sum(any(_shared(one, span) is not None for span in spans[one.person]) for one in truth)
    on_screen = sum(one.end - one.start for one in truth)
    covered = sum(
        min(sum(_shared(one, span) or 0.0 for span in spans[one.person]), one.end - one.start) for one in truth
    )
    return Sampled(name, sampling, interval, looked, faces, found, len(truth), covered / on_screen)


def _shared(one: Appearance, span: tuple[float, float]) -> float | None:
    """Seconds that an appearance and a track share; ``None`` where they do not meet."""
    start, end = max(one.start, span[0]), min(one.end, span[1])
    return end - start if end >= start else None


def _embedding(engine: FaceEngine, image: Image) -> FloatArray:
    (faces,) = engine.analyse([image])
    return faces[0].embedding
