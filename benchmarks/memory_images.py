"""Memory after many pictures of mixed sizes against after the first thousand: nothing may pile up."""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from app.domain import Image
from app.vision import FaceEngine, get_pack
from benchmarks.films import ROOT

_EVERY = 1_000
_SEED = 7
_LARGEST_BATCH = 8
# Most pictures are small, so that 20,000 of them take minutes; one in so many is as large as a frame of a film.
_SMALL_SIDES = (48, 320)  # pixels
_ONE_IN = 50
_LARGE = ((1280, 720), (720, 1280), (1920, 1080))  # width, height
_FACE_IN = 3  # one picture in so many shows a face
_FACE = (slice(40, 200), slice(150, 310))  # rows and columns of the astronaut's head


@dataclass(frozen=True)
class Growth:
    """What one process held.

    Attributes:
        pictures: How many it looked at in the end.
        faces: Faces that it found.
        mib: Resident memory in MiB after every thousand pictures.
    """

    pictures: int
    faces: int
    mib: Sequence[float]

    @property
    def percent(self) -> float:
        """How much more it was in the end than after the first thousand, in percent."""
        return 100.0 * (self.mib[-1] / self.mib[0] - 1.0)


def measure(models: Path, pictures: int = 20_000, pack: str = "bundled") -> Growth:
    """Looks at pictures of mixed sizes in a process of its own.

    Args:
        models: Folder where the rebuilt networks are kept.
        pictures: How many; at least 2,000, in thousands.
        pack: Whose networks.
    """
    command = [sys.executable, "-m", "benchmarks.memory_images", str(models), str(pictures), pack]
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return Growth(**json.loads(done.stdout))


def mixed_pictures(count: int) -> Iterator[list[Image]]:
    """Batches of one to eight pictures, ``uint8`` RGB, of mixed sizes; the same ones each time."""
    from skimage import data  # noqa: PLC0415 - only the tests' environment has it

    face = np.ascontiguousarray(data.astronaut()[_FACE])
    random = np.random.default_rng(_SEED)
    made = 0
    while made < count:
        size = min(int(random.integers(1, _LARGEST_BATCH + 1)), count - made)
        yield [_picture(random, face) for _ in range(size)]
        made += size


def _picture(random: np.random.Generator, face: Image) -> Image:
    if random.integers(_ONE_IN) == 0:
        width, height = _LARGE[random.integers(len(_LARGE))]
    else:
        width, height = (int(side) for side in random.integers(*_SMALL_SIDES, size=2))
    picture = np.full((height, width, 3), random.integers(40, 220, 3, np.uint8), np.uint8)
    if random.integers(_FACE_IN) == 0:
        side = min(int(random.integers(40, 240)), width, height)
        x, y = int(random.integers(width - side + 1)), int(random.integers(height - side + 1))
        picture[y : y + side, x : x + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return picture


def resident_mib() -> float:
    """Resident memory of this process in MiB; Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def look(models: Path, pictures: int, pack: str) -> Growth:
    """Looks at pictures in this process."""
    engine = FaceEngine(get_pack(pack), models)
    seen, faces, mib = 0, 0, []
    for batch in mixed_pictures(pictures):
        before, seen = seen, seen + len(batch)
        faces += sum(map(len, engine.analyse(batch)))
        if seen // _EVERY > before // _EVERY:
            gc.collect()
            mib.append(round(resident_mib(), 1))
    return Growth(seen, faces, mib)


def main() -> None:
    """Looks at pictures and prints what it took as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory_images")
    parser.add_argument("models", type=Path)
    parser.add_argument("pictures", type=int)
    parser.add_argument("pack")
    wanted = parser.parse_args()
    print(json.dumps(asdict(look(wanted.models, wanted.pictures, wanted.pack))))


if __name__ == "__main__":
    main()
