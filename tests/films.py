"""Films with known people, made from pictures that come inside packages: runs where no shared data is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from app.domain import Image
from tests.videos import make_video

WIDTH, HEIGHT, RATE = 512, 384, 10


def make_film(
    path: Path, people: Sequence[Image], *, seconds_each: float = 4.0, size: tuple[int, int] | None = None
) -> Path:
    """A film that shows one picture after the other, slowly panned and zoomed, so that no two frames are alike.

    Args:
        path: Where to; the suffix picks the container.
        people: ``uint8`` RGB pictures with one face each.
        seconds_each: How long each is seen.
        size: Width and height of the film.
    """
    width, height = size or (WIDTH, HEIGHT)
    per_person = round(seconds_each * RATE)

    def paint(number: int) -> Image:
        image = people[min(number // per_person, len(people) - 1)]
        step = (number % per_person) / per_person
        return _look_at(image, step, width, height)

    return make_video(path, frames=per_person * len(people), rate=RATE, gop=RATE, size=(width, height), paint=paint)


def _look_at(image: Image, step: float, width: int, height: int) -> Image:
    scale = (1.0 + 0.12 * step) * max(width / image.shape[1], height / image.shape[0])
    left = (scale * image.shape[1] - width) * step
    matrix = np.array([[scale, 0, -left], [0, scale, 0]], np.float32)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8)
