"""Checks a pack before it is trusted, and tells what it costs on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from app.config import Settings
from app.errors import AppError
from app.services.models.choose import missing_parts, model_files, named_pack
from app.services.models.engines import make_engine
from app.services.models.records import Records
from app.vision import FaceEngine, ModelFiles, Pack
from app.vision.check import CheckReport, check_pack
from app.vision.pack_table import PACKS
from app.vision.runtime import RuntimeOptions
from app.vision.sample_faces import plain_faces, sample_frame

__all__ = [
    "CheckReport",
    "PackSpeed",
    "check_and_record",
    "check_pack",
    "faster_packs",
    "measure_speed",
    "require_good",
]

_SMALL, _LARGE = (640, 360), (1920, 1080)
_FACES = 16
_FEWEST, _SHORTEST = 3, 0.5  # times and seconds for which a thing is repeated
_CLEARLY = 0.9  # less than this share of the time is worth telling


@dataclass(frozen=True, slots=True)
class PackSpeed:
    """What a pack costs on this machine; medians.

    Attributes:
        pack: Its name.
        small_frame_ms: Finding the faces of a frame of 640x360.
        frame_ms: Finding the faces of a frame of 1920x1080, shrunk to the size at which faces are looked for.
        face_ms: Describing one of many faces.
    """

    pack: str
    small_frame_ms: float
    frame_ms: float
    face_ms: float

    def hours_per_hour(self, interval: float) -> float:
        """Hours of work for an hour of video with one face in each frame that is looked at, without decoding.

        Args:
            interval: Seconds between these frames.
        """
        return (self.frame_ms + self.face_ms) / 1000 / interval


def require_good(pack: Pack, files: ModelFiles) -> None:
    """For whoever has just fetched or imported a network.

    Args:
        pack: A pack that holds it.
        files: Where the weights lie.

    Raises:
        ModelError: A network is missing, damaged or fails; or the pack is refused, with the figures.
    """
    check_pack(files, pack).require()


def check_and_record(files: ModelFiles, pack: Pack, runtime: RuntimeOptions | None = None) -> CheckReport:
    """Checks a pack and remembers whether it was refused, so that ``auto`` does not choose it.

    Args:
        files: Where the weights lie.
        pack: The pack.
        runtime: How networks are run.

    Raises:
        ModelError: A network is missing, damaged or fails.
    """
    report = check_pack(files, pack, runtime)
    Records(files.cache).refuse(pack.space, None if report.passed else " ".join(report.problems))
    return report


def measure_speed(settings: Settings, pack: Pack) -> PackSpeed:
    """Times a pack at the detection size of the settings.

    Args:
        settings: The settings.
        pack: The pack.

    Raises:
        ModelError: A network is missing, damaged or fails.
    """
    engine = make_engine(settings, pack)
    small, large = sample_frame(*_SMALL), sample_frame(*_LARGE)
    return PackSpeed(
        pack=pack.name,
        small_frame_ms=_time(lambda: engine.detect([small])),
        frame_ms=_time(lambda: engine.detect([large])),
        face_ms=_face_time(engine),
    )


def _face_time(engine: FaceEngine) -> float:
    images = [face.image for face in plain_faces()]
    found = [[face.detection] * (_FACES // len(images)) for face in plain_faces()]
    return _time(lambda: engine.describe(images, found)) / _FACES


def _time(work: Callable[[], object]) -> float:
    """Median in milliseconds; the first time is left out, since networks set themselves up in it."""
    work()
    spent: list[float] = []
    while len(spent) < _FEWEST or sum(spent) < _SHORTEST:
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return median(spent) * 1000


def faster_packs(settings: Settings, than: PackSpeed) -> list[PackSpeed]:
    """Times the other packs that are installed.

    Args:
        settings: The settings.
        than: The pack in question.

    Returns:
        Those that need less time for an hour of video, the fastest first.
    """
    interval = settings.frame_extraction_interval
    limit = than.hours_per_hour(interval) * _CLEARLY
    return sorted(
        (speed for speed in _other_speeds(settings, than.pack) if speed.hours_per_hour(interval) < limit),
        key=lambda speed: speed.hours_per_hour(interval),
    )


def _other_speeds(settings: Settings, name: str) -> Iterator[PackSpeed]:
    for other in PACKS:
        if other == name:
            continue
        try:
            pack = named_pack(settings, other)
            if missing_parts(pack, model_files(settings)) is None:
                yield measure_speed(settings, pack)
        except AppError:
            # damaged weights, or no DeepFace-compatible form while the settings ask for one: no alternative, no matter
            continue
