"""Makes the films that are measured, from photographs of faces that come inside Python packages.

Run as a program, so that the memory which encoding takes does not count in the process that measures.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import av
import cv2
import matplotlib
import numpy as np
import skimage.data
from PIL import Image as PilImage

from app.domain import Image
from tests.videos import make_video

ROOT = Path(__file__).resolve().parent.parent
# (side of the picture in parts of the film's height, left and top in the same measure, mirrored, who)
_CAST = (
    (0.80, 0.05, 0.10, False, "astronaut"),
    (0.45, 0.95, 0.40, False, "hopper"),
    (0.30, 1.45, 0.15, True, "astronaut"),
    (0.60, 1.80, 0.20, True, "hopper"),
    (0.40, 2.45, 0.45, False, "astronaut"),
)
_SCENE_WIDTH = 3.0  # heights of the film


def make_apart(path: Path, *, size: tuple[int, int], rate: int, seconds: int, cycle: int) -> Path:
    """Makes a film in a process of its own; see :func:`make`."""
    numbers = [str(value) for value in (*size, rate, seconds, cycle)]
    subprocess.run([sys.executable, "-m", "benchmarks.films", str(path), *numbers], check=True, cwd=ROOT)
    return path


def make(path: Path, *, size: tuple[int, int], rate: int, seconds: int, cycle: int) -> Path:
    """A film of a camera that moves to and fro over a scene with five faces of two people.

    Args:
        path: Where to.
        size: Width and height.
        rate: Frames per second.
        seconds: Length.
        cycle: Seconds after which it begins again. Only so much is painted and encoded; the rest is the same packets
            at later times, so an hour takes no longer to make than a minute.
    """
    panorama = scene(size[1])
    count = rate * cycle
    reach = panorama.shape[1] - size[0]

    def paint(number: int) -> Image:
        left = round(reach * (0.5 - 0.5 * np.cos(2 * np.pi * number / count)))
        return np.ascontiguousarray(panorama[:, left : left + size[0]])

    part = path.with_name(f"part-{path.name}")
    make_video(part, frames=count, rate=rate, gop=rate * 2, size=size, options={"preset": "veryfast"}, paint=paint)
    repeat(part, path, -(-seconds // cycle), cycle)
    part.unlink()
    return path


def scene(height: int) -> Image:
    """The faces on a wall with a soft, random pattern."""
    width = round(height * _SCENE_WIDTH)
    noise = np.random.default_rng(5).integers(60, 200, (height // 40 + 1, width // 40 + 1, 3)).astype(np.uint8)
    return paste_faces(np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8))


def paste_faces(painted: Image) -> Image:
    """Puts five faces of two people onto a picture three times as wide as high, which is changed.

    Args:
        painted: ``uint8`` (height, 3 * height, 3) RGB.
    """
    height = len(painted)
    faces = people()
    for share, left, top, mirrored, who in _CAST:
        side = round(share * height)
        face = cv2.resize(faces[who], (side, side), interpolation=cv2.INTER_AREA)
        x, y = round(left * height), round(top * height)
        part = painted[y : y + side, x : x + side]
        part[:] = (face[:, ::-1] if mirrored else face)[: part.shape[0], : part.shape[1]]
    return painted


def people() -> dict[str, Image]:
    """Square photographs with one face each, by name."""
    return {"astronaut": skimage.data.astronaut(), "hopper": _hopper()}


def _hopper() -> Image:
    with PilImage.open(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg") as picture:
        return np.asarray(picture.convert("RGB"))[:512]  # square, so that nobody is squeezed


def repeat(source: Path, target: Path, times: int, seconds: int) -> None:
    """Writes the packets of a film several times, one after the other, without encoding them again.

    Args:
        source: The film.
        target: Where to.
        times: How often.
        seconds: Its length.
    """
    with av.open(str(target), "w") as output:
        stream = None
        for number in range(times):
            with av.open(str(source)) as original:
                template = original.streams.video[0]
                stream = stream or output.add_stream_from_template(template)
                shift = round(number * seconds / template.time_base)
                for packet in original.demux(template):
                    if packet.dts is None:  # the flush at the end
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    output.mux(packet)


def main() -> None:
    """Makes one film."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.films")
    parser.add_argument("path", type=Path)
    for name in ("width", "height", "rate", "seconds", "cycle"):
        parser.add_argument(name, type=int)
    wanted = parser.parse_args()
    size = (wanted.width, wanted.height)
    make(wanted.path, size=size, rate=wanted.rate, seconds=wanted.seconds, cycle=wanted.cycle)


if __name__ == "__main__":
    main()
